// Its presence lets listenerset.go declare a function without a body.
