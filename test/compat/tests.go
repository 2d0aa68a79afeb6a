package main

import "k8s.io/apimachinery/pkg/util/version"

// packages are where the tests are, seen from test/.
func packages() []string { return []string{"./e2e", "./install"} }

// tests are those that a set must pass, each of which starts at most one cluster of its own.
func (s set) tests() []string {
	all := []string{
		// What the server is, and what certshim takes for granted of it.
		"TestTheServerIsOfTheVersionThatIsMeant", "TestTheServerKeepsWhatWritesRelyOn",
		// Sources come, change and go.
		"TestGatewayGetsItsCertificate", "TestRenamedSecretGetsACertificateAndTheOldOneGoes", "TestDeletedSourceTakesItsCertificateAlong",
		"TestIssuerThatAppearsLater", "TestFirstKeepsTheSecretAndTheSecondFollowsIt", "TestBrokenEntryKeepsNamesAndGainsOthers",
		// What others write.
		"TestCertificateEditedOrDeletedByHandComesBack", "TestForeignFieldsSurvive", "TestFieldAppliedBySomebodyElseStaysTheirs",
		"TestForeignCertificateIsLeftAloneAndToldOnce", "TestForeignCertificateThatGoesLeavesItsPlace",
		// The policies for annotations and for ties.
		"TestThePolicyOnTheServer", "TestThePolicyDeniesWhereASecondBindingSaysSo", "TestAnOldMistakeStandsInNobodysWay",
		"TestThePolicyForTiesOnTheServer",
		// The chart, its releases, and doctor's verdict on a cluster and on them.
		"TestTheAPIServerAcceptsWhatTheChartRenders", "TestTheLifeOfARelease", "TestAReleaseForOneNamespace",
		"TestMetricsAreForThoseWhoMayReadThem", "TestDoctor",
	}
	// ListenerSets, and what Gateways allow of them.
	if atLeast(s.gatewayAPI, "v1.5.0") {
		all = append(all, "TestListenerSetFollowsItsGateway", "TestSecretOfAnotherNamespaceByGrant", "TestThePolicyWarns")
	}
	// The take-over runs with the shims that a version has; with versions before 1.21 it has no result yet.
	if atLeast(s.certManager, "v1.21.0") {
		all = append(all, "TestTakeOver")
	}
	return all
}

func atLeast(one, other string) bool {
	return version.MustParseSemantic(one).AtLeast(version.MustParseSemantic(other))
}
