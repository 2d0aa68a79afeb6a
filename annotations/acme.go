package annotations

// checkEditInPlace drops the ingress class where the Ingress itself is edited: of both,
// cert-manager's Order fails.
func (r *reading) checkEditInPlace() {
	acme := &r.request.ACME
	if !acme.EditInPlace {
		return
	}
	for key, class := range map[string]*string{classKey: &acme.IngressClass, classNameKey: &acme.IngressClassName} {
		if *class != "" {
			r.about(key).warn(r.written, "ignored beside "+editInPlaceKey+": one of the two")
			*class = ""
		}
	}
}

// checkTogether holds the keys against each other, once each alone has been read.
func (r *reading) checkTogether() {
	r.checkLifetime()
	r.checkKeySize()
	r.checkEditInPlace()
}
