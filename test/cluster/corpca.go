package cluster

// CorpIssuers defines the kind of the issuers of an in-house CA, whose plugin is in plugins/examples.
const CorpIssuers = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: corpissuers.pki.corp.example}
spec:
  group: pki.corp.example
  scope: Namespaced
  names: {kind: CorpIssuer, listKind: CorpIssuerList, plural: corpissuers, singular: corpissuer}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// CorpConfiguration is that of a certshim with the plugin. It takes the socket, and the uid that the plugin runs as.
const CorpConfiguration = `
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
resolvers:
  plugins:
  - name: corp-ca
    socket: %s
    uid: %d
    grant:
      kinds:
      - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, versions: [v1], scope: Namespaced}
      defaults: [usages]
      annotations: [pki.corp.example/]
`

// CorpRole lets certshim watch what its configuration names; it takes the rules.
const CorpRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: certshim-corp-ca}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: certshim-corp-ca}
subjects: [{kind: ServiceAccount, name: certshim, namespace: certshim}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: certshim-corp-ca}
rules:
%s`
