import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let lease: ObjectSchema = ObjectSchema(
    "io.k8s.api.coordination.v1.Lease", "Tells who holds a role, and since when.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.leaseSpec), "What is wanted."),
    ])

  static let leaseSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.coordination.v1.LeaseSpec", "Who holds a lease and until when.",
    fields: [
      Field("holderIdentity", .string(), "Who holds the lease."),
      Field("leaseDurationSeconds", .integer(bits: 32), "How long others wait after a renewal before they take it."),
      Field("acquireTime", .microTime, "When the lease was taken."),
      Field("renewTime", .microTime, "When it was renewed last."),
      Field("leaseTransitions", .integer(bits: 32), "How often it changed hands."),
      Field("strategy", .string(), "How a leader is chosen."),
      Field("preferredHolder", .string(), "Who should take the lease next."),
    ])
}
