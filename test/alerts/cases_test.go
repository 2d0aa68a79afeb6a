package alerts

// cases have, for each alert, series at which it fires, and series at which it doesn't, each sampled every minute.
var cases = map[string]alertCase{
	"CertshimAbsent": {
		at: 11, labels: nil,
		fires: nil,
		quiet: []string{`certshim_build_info{version="v1",instance="a"} 1+0x30`},
	},
	"CertshimReleaseAbsent": {
		at: 15, labels: map[string]string{"namespace": "tls", "job": "web"},
		fires: []string{
			`certshim_build_info{version="v1",namespace="tls",job="web",instance="a"} 1+0x3 stale`,
			// Of a release one replica is enough.
			`certshim_build_info{version="v1",namespace="tls",job="shop",instance="b"} 1+0x3 stale`,
			`certshim_build_info{version="v2",namespace="tls",job="shop",instance="c"} 1+0x30`,
		},
		// If none is left, CertshimAbsent tells of it.
		quiet: []string{
			`certshim_build_info{version="v1",namespace="tls",job="web",instance="a"} 1+0x3 stale`,
			`certshim_build_info{version="v1",namespace="tls",job="shop",instance="b"} 1+0x3 stale`,
		},
	},
	"CertshimNoLeader": {
		at: 6, labels: map[string]string{"namespace": "tls", "job": "web"},
		fires: []string{
			`certshim_leader{namespace="tls",job="web",instance="a"} 0+0x30`, `certshim_leader{namespace="tls",job="web",instance="b"} 0+0x30`,
			`certshim_leader{namespace="tls",job="shop",instance="c"} 1+0x30`,
		},
		quiet: []string{`certshim_leader{instance="a"} 0+0x30`, `certshim_leader{instance="b"} 1+0x30`},
	},
	"CertshimTwoLeaders": {
		at: 6, labels: nil,
		fires: []string{`certshim_leader{instance="a"} 1+0x30`, `certshim_leader{instance="b"} 1+0x30`},
		quiet: []string{
			`certshim_leader{namespace="tls",job="web",instance="a"} 1+0x30`, `certshim_leader{namespace="tls",job="web",instance="b"} 0+0x30`,
			`certshim_leader{namespace="tls",job="shop",instance="c"} 1+0x30`, `certshim_leader{namespace="other",job="web",instance="d"} 1+0x30`,
		},
	},
	"CertshimWriteForbidden": {
		at: 6, labels: nil,
		fires: []string{`certshim_write_forbidden 1+0x30`},
		quiet: []string{`certshim_write_forbidden 0+0x30`},
	},
	"CertshimCertificatesForbidden": {
		at: 6, labels: nil,
		fires: []string{`certshim_resource_forbidden{resource="certificates.cert-manager.io"} 1+0x30`},
		quiet: []string{`certshim_resource_forbidden{resource="certificates.cert-manager.io"} 0+0x30`, `certshim_resource_forbidden{resource="gateways.gateway.networking.k8s.io"} 1+0x30`},
	},
	"CertshimResourceForbidden": {
		at: 16, labels: map[string]string{"resource": "gateways.gateway.networking.k8s.io"},
		fires: []string{`certshim_resource_forbidden{resource="gateways.gateway.networking.k8s.io"} 1+0x30`},
		quiet: []string{`certshim_resource_forbidden{resource="gateways.gateway.networking.k8s.io"} 0+0x30`, `certshim_resource_forbidden{resource="certificates.cert-manager.io"} 1+0x30`},
	},
	"CertshimGroupUnknown": {
		at: 16, labels: map[string]string{"group": "gateway.networking.k8s.io"},
		fires: []string{`certshim_api_group_unknown{group="gateway.networking.k8s.io",instance="a"} 1+0x30`, `certshim_api_group_unknown{group="cert-manager.io",instance="a"} 0+0x30`},
		quiet: []string{`certshim_api_group_unknown{group="gateway.networking.k8s.io"} 0+0x30`},
	},
	"CertshimResourceFailing": {
		at: 16, labels: map[string]string{"resource": "ingresses.networking.k8s.io"},
		fires: []string{`certshim_informer_failing{resource="ingresses.networking.k8s.io",instance="a"} 1+0x30`, `certshim_informer_failing{resource="ingresses.networking.k8s.io",instance="b"} 0+0x30`},
		quiet: []string{`certshim_informer_failing{resource="ingresses.networking.k8s.io"} 1 1 1 0+0x30`},
	},
	"CertshimOtherShimActive": {
		at: 16, labels: nil,
		fires: []string{`certshim_other_shim_active 3+0x30`},
		quiet: []string{`certshim_other_shim_active 0+0x30`},
	},
	"CertshimWritesPending": {
		at: 11, labels: nil,
		fires: []string{`certshim_pending_writes 2+0x30`},
		quiet: []string{`certshim_pending_writes 0+0x30`},
	},
	"CertshimWritesRefused": {
		at: 17, labels: map[string]string{"result": "refused"},
		fires: []string{`certshim_writes_total{action="apply",result="refused"} 0+5x40`},
		quiet: []string{`certshim_writes_total{action="apply",result="refused"} 7+0x40`, `certshim_writes_total{action="apply",result="done"} 0+5x40`},
	},
	"CertshimWriteLoop": {
		at: 76, labels: nil,
		fires: []string{`certshim_writes_total{action="apply",result="done"} 0+60x150`},
		quiet: []string{`certshim_writes_total{action="apply",result="done"} 3000+1x150`},
	},
	"CertshimStartNotDone": {
		at: 16, labels: map[string]string{"instance": "a"},
		fires: []string{`certshim_initial_reconcile_done{instance="a"} 0+0x30`, `certshim_leader{instance="a"} 1+0x30`},
		quiet: []string{`certshim_initial_reconcile_done{instance="a"} 0+0x30`, `certshim_leader{instance="a"} 0+0x30`},
	},
	"CertshimProblemsStay": {
		at: 1441, labels: map[string]string{"reason": "BadConfig"},
		fires: []string{`certshim_current_problems{reason="BadConfig",severity="error"} 2+0x1500`},
		quiet: []string{`certshim_current_problems{reason="BadConfig",severity="warning"} 2+0x1500`},
	},
	"CertshimWorkerStuck": {
		at: 6, labels: map[string]string{"instance": "a"},
		fires: []string{`workqueue_longest_running_processor_seconds{name="sources",instance="a"} 130+60x30`, `certshim_build_info{instance="a"} 1+0x30`},
		quiet: []string{`workqueue_longest_running_processor_seconds{name="sources",instance="b"} 130+60x30`, `certshim_build_info{instance="a"} 1+0x30`},
	},
	"CertshimEventsFail": {
		at: 32, labels: nil,
		fires: []string{`certshim_events_total{result="failed"} 0+2x60`},
		quiet: []string{`certshim_events_total{result="sent"} 0+2x60`, `certshim_events_total{result="failed"} 4+0x60`},
	},
	"CertshimFieldsContested": {
		at: 61, labels: nil,
		fires: []string{`certshim_contested_fields 1+0x80`},
		quiet: []string{`certshim_contested_fields 0+0x80`},
	},
	"CertshimIssuersNotReady": {
		at: 61, labels: map[string]string{"group": "cert-manager.io", "kind": "Issuer"},
		fires: []string{`certshim_issuers{group="cert-manager.io",kind="Issuer",state="not_ready"} 1+0x80`},
		quiet: []string{`certshim_issuers{group="cert-manager.io",kind="Issuer",state="not_ready"} 0+0x80`},
	},
	"CertshimReloadFailed": {
		at: 11, labels: nil,
		fires: []string{`certshim_issuer_types_last_reload_successful 0+0x30`},
		quiet: []string{`certshim_issuer_types_last_reload_successful 1+0x30`},
	},
	"CertshimVersionsDiffer": {
		at: 61, labels: nil,
		fires: []string{`certshim_build_info{version="v1"} 1+0x80`, `certshim_build_info{version="v2"} 1+0x80`},
		quiet: []string{
			`certshim_build_info{version="v1",job="web",instance="a"} 1+0x80`, `certshim_build_info{version="v1",job="web",instance="b"} 1+0x80`,
			`certshim_build_info{version="v2",job="shop",instance="c"} 1+0x80`,
		},
	},
	"CertshimResolverDown": {
		at: 6, labels: map[string]string{"resolver": "corp-ca"},
		fires: []string{`certshim_resolver_up{resolver="corp-ca"} 0+0x30`},
		quiet: []string{`certshim_resolver_up{resolver="corp-ca"} 1+0x30`},
	},
	"CertshimResolverAnswersOld": {
		at: 6, labels: map[string]string{"resolver": "corp-ca"},
		fires: []string{`certshim_resolver_oldest_answer_seconds{resolver="corp-ca"} 3100+60x30`},
		quiet: []string{`certshim_resolver_oldest_answer_seconds{resolver="corp-ca"} 100+0x30`},
	},
	"CertshimResolverRejected": {
		at: 17, labels: map[string]string{"resolver": "corp-ca", "cause": "PastGrant"},
		fires: []string{`certshim_resolver_rejected_total{resolver="corp-ca",cause="PastGrant"} 0+2x40`},
		quiet: []string{`certshim_resolver_rejected_total{resolver="corp-ca",cause="PastGrant"} 5+0x40`},
	},
	"CertshimResolverHolds": {
		at: 16, labels: map[string]string{"resolver": "corp-ca"},
		fires: []string{`certshim_resolver_held_sources{resolver="corp-ca"} 4+0x30`},
		quiet: []string{`certshim_resolver_held_sources{resolver="corp-ca"} 0+0x30`},
	},
	"CertshimResolverBreakerOpen": {
		at: 16, labels: map[string]string{"resolver": "corp-ca"},
		fires: []string{`certshim_resolver_breaker_open{resolver="corp-ca"} 1+0x30`},
		quiet: []string{`certshim_resolver_breaker_open{resolver="corp-ca"} 0+0x30`},
	},
}
