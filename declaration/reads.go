package declaration

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// Reads returns the paths of a variable's fields that the expression may read, sorted, such as
// spec.tls.secretName: an evaluation over the variable cut down to these gives the same. A path
// ends at the first list, and an empty one is the whole variable. What can't be followed counts as
// read.
func (e *Expression) Reads(variable string) []string { return e.walk(variable).paths() }

// Fields returns the paths of all fields that the expression names, sorted: a list's items are marked
// by [], as in spec.servers[].hosts.
func (e *Expression) Fields(variable string) []string {
	w := e.walk(variable)
	named := union(w.read, w.present)
	for path := range w.counted {
		readsItems := func(other string) bool { return strings.HasPrefix(other, path+listMark) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(named)), readsItems) {
			named[path] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

func (e *Expression) walk(variable string) readWalk {
	w := readWalk{variable: variable, read: map[string]bool{}, present: map[string]bool{}, counted: map[string]bool{}}
	w.use(w.value(e.checked.NativeRep().Expr(), nil))
	return w
}

// aliases are the paths that a value may stand for.
type aliases map[string]bool

// listMark ends a path at the items of a list.
const listMark = "[]"

// readWalk follows the variable's fields through an expression.
type readWalk struct {
	variable string
	// read are paths that are read with all below them, and present those of which only matters
	// whether they are there. Of those that are counted the items matter, however little is read of each.
	read, present, counted map[string]bool
}

// names are the variables of comprehensions and bindings around an expression.
type names map[string]aliases

// use notes that all of a value is read.
func (w *readWalk) use(value aliases) { maps.Copy(w.read, value) }

// value returns what an expression stands for, and notes what it reads on the way.
func (w *readWalk) value(e ast.Expr, known names) aliases {
	switch e.Kind() {
	case ast.IdentKind:
		return w.named(e.AsIdent(), known)
	case ast.SelectKind:
		s := e.AsSelect()
		field := w.value(s.Operand(), known).field(s.FieldName())
		if s.IsTestOnly() {
			maps.Copy(w.present, field)
			return nil
		}
		return field
	case ast.CallKind:
		return w.call(e.AsCall(), known)
	case ast.ComprehensionKind:
		return w.comprehension(e.AsComprehension(), known)
	case ast.ListKind:
		return w.list(e.AsList(), known)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.use(w.value(entry.AsMapEntry().Key(), known))
			w.use(w.value(entry.AsMapEntry().Value(), known))
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			w.use(w.value(field.AsStructField().Value(), known))
		}
	default:
	}
	return nil
}

// list returns what a list that an expression makes stands for: a list of items of the variable's lists is, as far as fields
// go, a part of those. All else that is in it is read.
func (w *readWalk) list(l ast.ListExpr, known names) aliases {
	whole := aliases{}
	for _, item := range l.Elements() {
		for path := range w.value(item, known) {
			if of, is := strings.CutSuffix(path, listMark); is {
				whole[of] = true
			} else {
				w.use(aliases{path: true})
			}
		}
	}
	return whole
}

func (w *readWalk) named(name string, known names) aliases {
	if value, is := known[name]; is {
		return value
	}
	if name == w.variable {
		return aliases{"": true}
	}
	return nil
}

// call follows the calls that give a part of what they are given. All others read it.
func (w *readWalk) call(c ast.CallExpr, known names) aliases {
	args := c.Args()
	if c.IsMemberFunction() {
		return w.method(c, known)
	}
	switch name := c.FunctionName(); {
	case (name == operators.OptSelect || name == operators.Index || name == operators.OptIndex) && isLiteral(args[1]):
		return w.value(args[0], known).at(args[1])
	case name == operators.Index || name == operators.OptIndex:
		w.use(w.value(args[1], known))
		return w.value(args[0], known).items()
	case name == operators.Add:
		return union(w.value(args[0], known), w.value(args[1], known))
	case name == operators.Conditional:
		w.use(w.value(args[0], known))
		return union(w.value(args[1], known), w.value(args[2], known))
	case name == "dyn":
		return w.value(args[0], known)
	}
	w.useAll(args, known)
	return nil
}

// method does so for the calls that stand behind what they are given.
func (w *readWalk) method(c ast.CallExpr, known names) aliases {
	target := w.value(c.Target(), known)
	switch c.FunctionName() {
	case "value":
		return target
	case "orValue", "or":
		return union(target, w.value(c.Args()[0], known))
	case "hasValue":
		maps.Copy(w.present, target)
		return nil
	}
	w.use(target)
	w.useAll(c.Args(), known)
	return nil
}

func (w *readWalk) useAll(all []ast.Expr, known names) {
	for _, e := range all {
		w.use(w.value(e, known))
	}
}

// comprehension follows a range's items, and a binding, which is one over an empty range. What
// else an accumulator gathers is made by list literals and calls, which follow or read it.
func (w *readWalk) comprehension(c ast.ComprehensionExpr, known names) aliases {
	over := w.value(c.IterRange(), known)
	maps.Copy(w.counted, over)
	items := over.items()
	start := w.value(c.AccuInit(), known)
	inside := maps.Clone(known)
	if inside == nil {
		inside = names{}
	}
	inside[c.IterVar()], inside[c.AccuVar()] = items, start
	if c.HasIterVar2() {
		inside[c.IterVar2()] = items
	}
	w.use(w.value(c.LoopCondition(), inside))
	step := w.value(c.LoopStep(), inside)
	outside := maps.Clone(inside)
	maps.Copy(outside, known)
	outside[c.AccuVar()] = union(start, step)
	return w.value(c.Result(), outside)
}

func isLiteral(e ast.Expr) bool { return e.Kind() == ast.LiteralKind }

func union(a, b aliases) aliases {
	all := aliases{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// field is what a field of the value stands for: the value itself, if a path can't have the name.
func (a aliases) field(name string) aliases {
	if name == "" || strings.ContainsAny(name, "./[] ") {
		return a
	}
	below := aliases{}
	for path := range a {
		below[join(path, name)] = true
	}
	return below
}

// at is what a field or an item by a literal stands for.
func (a aliases) at(literal ast.Expr) aliases {
	if name, is := literal.AsLiteral().Value().(string); is {
		return a.field(name)
	}
	return a.items()
}

func (a aliases) items() aliases {
	items := aliases{}
	for path := range a {
		items[path+listMark] = true
	}
	return items
}

// paths are those that are read, each at most once, and those whose presence matters.
func (w readWalk) paths() []string {
	var all []string
	add := func(path string) { all = append(all, path) }
	for _, path := range shortened(w.read) {
		if !slices.ContainsFunc(all, func(outer string) bool { return within(path, outer) }) {
			add(path)
		}
	}
	for _, path := range shortened(union(w.present, w.counted)) {
		if !slices.ContainsFunc(all, func(other string) bool { return within(path, other) || within(other, path) }) {
			add(path)
		}
	}
	slices.Sort(all)
	return all
}

// shortened are paths up to their first list, the outer ones first.
func shortened(paths map[string]bool) []string {
	short := map[string]bool{}
	for path := range paths {
		path, _, _ = strings.Cut(path, listMark)
		short[path] = true
	}
	return slices.Sorted(maps.Keys(short))
}
