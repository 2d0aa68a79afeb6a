package differential

// Row is one difference between cert-manager's shims and certshim. Of an input on which it
// hits, upstream's result is rewritten in one or both of two exact ways: AsIf edits the
// input, and certshim does what upstream does about the edited one; Then edits the
// Certificates that upstream leaves behind. A row without AsIf is judged once upstream has
// answered, so that Hits may look at that.
type Row struct {
	// Name stands in docs/differences.md too.
	Name string
	// Says what certshim does, in one line.
	Says string
	Hits func(*situation) bool
	AsIf func(*situation)
	Then func(*situation)
}

// Rows are all differences, in the order in which they are judged: each sees the input as
// those before it have left it.
func Rows() []Row {
	var rows []Row
	for _, group := range [][]Row{existingRows(), objectRows(), issuerRows(), entryRows(), nameRows(), valueRows(), othersRows(), keepRows()} {
		rows = append(rows, group...)
	}
	return rows
}

// situation is one input on its way through the rows.
type situation struct {
	// in is the input, as the rows have edited it so far.
	in *Input
	// before are the Certificates that existed.
	before certificates
	// asked are the Secrets for which the source asks, by a valid entry or a broken one.
	asked []string
	// asksElsewhere is set if it asks for one of another namespace, too.
	asksElsewhere bool
	// broken are the Secrets of which an entry is meant to count, and doesn't.
	broken map[string]bool
	// conflicted are the listeners that others conflict with.
	conflicted map[string]bool
	// unread are the fields whose annotation can't be read.
	unread map[string]bool
	// template is a secretTemplate that upstream doesn't take.
	template map[string]any
	// issuerRefused is true when no issuer can be meant.
	issuerRefused bool

	// answer is upstream's to the edited input, and fresh its answer if the source had no
	// Certificate yet: what it asks for.
	answer answer
	fresh  answer
	// after is what certshim is to leave behind.
	after certificates
}

// wanted are the Certificates that the source asks for and may have.
func (s *situation) wanted() []string { return s.fresh.created.names() }

// Expectation is upstream's result, rewritten.
type Expectation struct {
	After certificates
	// Hit are the names of the rows that hit.
	Hit []string
}

// Expected asks upstream about an input, and rewrites its result by the rows.
func Expected(in *Input, rows []Row) (Expectation, error) {
	s := &situation{in: in.clone(), broken: map[string]bool{}, unread: map[string]bool{}}
	var err error
	if s.before, err = existing(in); err != nil {
		return Expectation{}, err
	}
	hit := map[string]bool{}
	s.findAsked()
	s.findConflicts()
	s.findBroken()
	for _, row := range rows {
		if row.AsIf != nil && row.Hits(s) {
			hit[row.Name] = true
			row.AsIf(s)
		}
	}
	if err := s.ask(); err != nil {
		return Expectation{}, err
	}
	out := Expectation{}
	for _, row := range rows {
		if row.AsIf == nil && row.Hits(s) {
			hit[row.Name] = true
		}
		if !hit[row.Name] {
			continue
		}
		out.Hit = append(out.Hit, row.Name)
		if row.Then != nil {
			row.Then(s)
		}
	}
	out.After = s.after
	return out, nil
}

// ask asks upstream about the edited input.
func (s *situation) ask() error {
	var err error
	if s.answer, err = theirs(s.in); err != nil {
		return err
	}
	first := s.in.clone()
	first.Existing = nil
	for _, certificate := range s.in.Existing {
		if owner(certificate) != s.in.Object.UID {
			first.Existing = append(first.Existing, certificate)
		}
	}
	s.after = s.answer.after.clone()
	s.fresh, err = theirs(first)
	return err
}
