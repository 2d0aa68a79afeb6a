package annotations

// checkTogether holds the keys against each other, once each alone has been read.
func (r *reading) checkTogether() {
	r.checkLifetime()
	r.checkKeySize()
}
