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
	NoNamespace   Fault = "no-namespace"   // finds an issuer of a namespace where none is given
	AnyGroup      Fault = "any-group"      // answers for its kinds whatever their group
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

	NeverReady     Fault = "never-ready"     // says of no issuer that it is ready
	NoReason       Fault = "no-reason"       // doesn't say why one isn't
	Guesses        Fault = "guesses"         // finds whatever it is asked for
	ForeignMissing Fault = "foreign-missing" // says that an issuer of a kind that isn't its own is missing
	Echo           Fault = "echo"            // repeats a name in a message as it is
	MissingTTL     Fault = "missing-ttl"     // wants to be asked every second about what is missing
	Learns         Fault = "learns"          // finds what it was asked for often enough
	BadRule        Fault = "bad-rule"        // has a rule that nothing can keep
	TwoMinds       Fault = "two-minds"       // honours and ignores usages at once
	NoPolicy       Fault = "no-policy"       // leaves the rotation policy that it demands unspecified
	Fat            Fault = "fat"             // gives answers that are too large
	OpenDoor       Fault = "open-door"       // doesn't say that an issuer is for some namespaces only
	Remembers      Fault = "remembers"       // answers for an older object what it said of a newer one
	TrimNames      Fault = "trim-names"      // takes spaces from names
	Grudge         Fault = "grudge"          // fails the call after one whose deadline was short
	Shared         Fault = "shared"          // fails several calls at once
	Sluggish       Fault = "sluggish"        // lets handshakes that come later go first
	Gulp           Fault = "gulp"            // takes requests of any size
	Fragile        Fault = "fragile"         // drops all connections when one says what is no HTTP/2

	NoHealth     Fault = "no-health"     // has no health service
	BadName      Fault = "bad-name"      // has a name that is no DNS label
	Picky        Fault = "picky"         // fails where none of its kinds is granted
	AnyVersion   Fault = "any-version"   // serves versions of the protocol that there aren't
	Debugs       Fault = "debugs"        // serves what is for debugging, too
	NewInstance  Fault = "new-instance"  // is another one with every handshake
	Strict       Fault = "strict"        // takes one version of certshim only
	NoHeartbeat  Fault = "no-heartbeat"  // opens a stream of changes and says nothing
	OneBeat      Fault = "one-beat"      // opens a stream of changes, and says nothing more unless there is one
	Deaf         Fault = "deaf"          // says nothing when something changes
	HiddenWatch  Fault = "hidden-watch"  // serves a stream of changes, and says that it has none
	FirstWatcher Fault = "first-watcher" // tells changes to the first of several watchers alone
	Storm        Fault = "storm"         // says without end that everything changed
	EachChange   Fault = "each-change"   // sends a message for each of many changes

	IgnoreCancel     Fault = "ignore-cancel"     // works on for seconds after a short deadline has passed
	Leak             Fault = "leak"              // keeps a thread of every watch that ended
	KeepsConnections Fault = "keeps-connections" // keeps connections that ended
	Hoard            Fault = "hoard"             // keeps whatever a watcher has not read
	Chatty           Fault = "chatty"            // writes to its standard output who was asked about

	OpenSocket  Fault = "open-socket"  // lets everybody connect
	StaleSocket Fault = "stale-socket" // can't start where it left a socket behind
	Litter      Fault = "litter"       // keeps a file beside its socket
	Lingers     Fault = "lingers"      // removes its socket on SIGTERM, and does not end
	Deathless   Fault = "deathless"    // takes no notice of SIGTERM
)

// Faults returns all of them.
func Faults() []Fault {
	return []Fault{
		Silent, Slow, DiesMidway, Endless, Huge, OldVersion,
		LieKind, LieDefault, LieRefuse, LieAnnotation, LieNamespace, NoNamespace, AnyGroup, DuplicateID, DropID, Flap, NUL, Secret, BadEnum,
		ShortTTL, FoldNames, MissingFails, BadFails, Crash, EmptyFails,
		NeverReady, NoReason, Guesses, Learns, BadRule, TwoMinds, NoPolicy, Fat, ForeignMissing, Echo, MissingTTL, OpenDoor, Remembers, TrimNames, Grudge, Shared, Sluggish, Gulp, Fragile,
		NoHealth, BadName, Picky, AnyVersion, Debugs, NewInstance, Strict,
		NoHeartbeat, OneBeat, Deaf, HiddenWatch, FirstWatcher, Storm, EachChange, IgnoreCancel, Leak, KeepsConnections, Hoard, Chatty,
		OpenSocket, StaleSocket, Litter, Lingers, Deathless,
	}
}
