import KubeMachinery

/// Questions that are answered and not kept.
extension Kind {
  private static func review(
    _ group: String, _ kind: String, _ plural: String, version: String = "v1", isNamespaced: Bool = false,
    _ schema: ObjectSchema
  ) -> Kind {
    Kind(
      KindName(group: group, version: version, kind: kind), origin: .question, plural: plural,
      isNamespaced: isNamespaced, verbs: ["create"], schema: schema, rules: KindRules(nameProblems: { _, _ in [] }))
  }

  static let selfSubjectReview = review(
    "authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", .selfSubjectReview)
  /// As kubectl 1.27 asks.
  static let oldSelfSubjectReview = review(
    "authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", version: "v1beta1", .oldSelfSubjectReview)
  static let tokenReview = review("authentication.k8s.io", "TokenReview", "tokenreviews", .tokenReview)

  static let localSubjectAccessReview = review(
    "authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", isNamespaced: true,
    .localSubjectAccessReview)
  static let selfSubjectAccessReview = review(
    "authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", .selfSubjectAccessReview)
  static let selfSubjectRulesReview = review(
    "authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", .selfSubjectRulesReview)
  static let subjectAccessReview = review(
    "authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", .subjectAccessReview)
}
