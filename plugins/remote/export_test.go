package remote

var UserBehind = userBehind
