package annotations

// checkTogether applies the rules about several keys, after each has been read.
func (r *reading) checkTogether() {
	r.checkLifetime()
	r.checkKeySize()
}
