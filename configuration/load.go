package configuration

import "github.com/certshim/certshim/declaration"

// Load reads the operator's file over [Default]. It is strict: every unknown, misplaced,
// repeated or ill-typed field, and every value that can't be, is an error that begins with
// name:line, and all of them are reported at once.
func Load(data []byte, name string) (Configuration, error) {
	c := Default()
	document, err := declaration.Read(data, name, "a "+Kind)
	if err != nil {
		return c, err
	}
	if err := document.Identify(APIVersion, Kind); err != nil {
		return c, err
	}
	return c, document.Decode(&c, c.mistakes)
}
