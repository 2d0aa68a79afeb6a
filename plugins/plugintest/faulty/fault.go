package faulty

// Fault is a way in which a plugin is broken.
type Fault string

// The faults.
const (
	// None is a sound plugin.
	None Fault = ""

	Silent     Fault = "silent"      // never answers Resolve
	Slow       Fault = "slow"        // answers a full batch after its deadline
	DiesMidway Fault = "dies"        // drops the connection instead of an answer
	Endless    Fault = "endless"     // answers again and again
	Huge       Fault = "huge"        // answers a full batch with more than a message may have
	OldVersion Fault = "old-version" // speaks another version of the protocol

	LieKind       Fault = "lie-kind"       // claims a kind that isn't granted
	LieDefault    Fault = "lie-default"    // sets a default that isn't granted
	LieRefuse     Fault = "lie-refuse"     // refuses without the right to
	LieAnnotation Fault = "lie-annotation" // copies an annotation that isn't granted
	LieNamespace  Fault = "lie-namespace"  // finds an issuer in a namespace where it isn't
	DuplicateID   Fault = "dup-id"         // answers one query twice and another not
	DropID        Fault = "drop-id"        // leaves an answer out
	Flap          Fault = "flap"           // changes its mind with every question
	NUL           Fault = "nul"            // writes a NUL into a message
	Secret        Fault = "secret"         // writes a private key into a message
	BadEnum       Fault = "bad-enum"       // leaves the readiness unspecified
	ShortTTL      Fault = "short-ttl"      // wants to be asked every second
	FoldNames     Fault = "fold-names"     // finds names whatever their case
	MissingFails  Fault = "missing-fails"  // fails the call where an issuer is missing
	BadFails      Fault = "bad-fails"      // fails the call where one query is bad
	Crash         Fault = "crash"          // dies of an observed object that it doesn't expect
	EmptyFails    Fault = "empty-fails"    // fails an empty request

	NoHealth    Fault = "no-health"    // has no health service
	NewInstance Fault = "new-instance" // is another one with every handshake
	Strict      Fault = "strict"       // takes one version of certshim only
	NoHeartbeat Fault = "no-heartbeat" // opens a stream of changes and says nothing
	Deaf        Fault = "deaf"         // says nothing when something changes
	Storm       Fault = "storm"        // says without end that everything changed
	EachChange  Fault = "each-change"  // sends a message for each of many changes

	IgnoreCancel Fault = "ignore-cancel" // works on for seconds after a short deadline has passed
	Leak         Fault = "leak"          // keeps a thread of every watch that ended
	Hoard        Fault = "hoard"         // keeps whatever a watcher has not read
	Chatty       Fault = "chatty"        // writes to its standard output who was asked about

	OpenSocket  Fault = "open-socket"  // lets everybody connect
	StaleSocket Fault = "stale-socket" // can't start where it left a socket behind
	Litter      Fault = "litter"       // keeps a file beside its socket
	Lingers     Fault = "lingers"      // removes its socket on SIGTERM, and does not end
	Deathless   Fault = "deathless"    // takes no notice of SIGTERM
)

// Faults are all of them.
func Faults() []Fault {
	return []Fault{
		Silent, Slow, DiesMidway, Endless, Huge, OldVersion,
		LieKind, LieDefault, LieRefuse, LieAnnotation, LieNamespace, DuplicateID, DropID, Flap, NUL, Secret, BadEnum,
		ShortTTL, FoldNames, MissingFails, BadFails, Crash, EmptyFails,
		NoHealth, NewInstance, Strict, NoHeartbeat, Deaf, Storm, EachChange, IgnoreCancel, Leak, Hoard, Chatty,
		OpenSocket, StaleSocket, Litter, Lingers, Deathless,
	}
}
