import KubeMachinery

/// Documents of questions that a server answers and does not keep.
extension ObjectSchema {
  private static let authentication = "io.k8s.api.authentication.v1."
  private static let authorization = "io.k8s.api.authorization.v1."

  private static func review(_ name: String, _ summary: String, spec: ObjectSchema?, status: ObjectSchema)
    -> ObjectSchema
  {
    let fields: [Field] =
      [.kind, .apiVersion, Field("metadata", .object(.objectMeta), "What every object says about itself.")]
      + (spec.map { [Field("spec", .object($0), "What is asked.", isRequired: true)] } ?? [])
      + [Field("status", .object(status), "The answer.")]
    return ObjectSchema(name, summary, fields: fields)
  }

  // MARK: authentication

  static let userInfo = ObjectSchema(
    authentication + "UserInfo", "Who somebody is.",
    fields: [
      Field("username", .string(), "Name."), Field("uid", .string(), "Identity."),
      Field("groups", .list(.string(), .atomic), "Groups that he is in."),
      Field("extra", .map(.list(.string(), .atomic)), "What else is known."),
    ])

  private static func selfReview(_ package: String) -> ObjectSchema {
    review(
      package + "SelfSubjectReview", "Who asks.", spec: nil,
      status: ObjectSchema(
        package + "SelfSubjectReviewStatus", "The answer.", fields: [Field("userInfo", .object(userInfo), "Who asks.")])
    )
  }

  static let selfSubjectReview = selfReview(authentication)
  static let oldSelfSubjectReview = selfReview("io.k8s.api.authentication.v1beta1.")

  static let tokenReview = review(
    authentication + "TokenReview", "Whose a token is.",
    spec: ObjectSchema(
      authentication + "TokenReviewSpec", "The token.",
      fields: [
        Field("token", .string(), "The token."),
        Field("audiences", .list(.string(), .atomic), "For whom it is to be good."),
      ]),
    status: ObjectSchema(
      authentication + "TokenReviewStatus", "The answer.",
      fields: [
        Field("authenticated", .boolean, "Whether it is good."), Field("user", .object(userInfo), "Whose it is."),
        Field("audiences", .list(.string(), .atomic), "For whom it is good."),
        Field("error", .string(), "Why it is not."),
      ]))

  static let tokenRequest = review(
    authentication + "TokenRequest", "A token of a service account.",
    spec: ObjectSchema(
      authentication + "TokenRequestSpec", "What it is to be good for.",
      fields: [
        Field("audiences", .list(.string(), .atomic), "For whom."),
        Field("expirationSeconds", .integer(bits: 64), "How long.", default: 3_600),
        Field(
          "boundObjectRef",
          .object(
            ObjectSchema(
              authentication + "BoundObjectReference", "An object that a token ends with.",
              fields: [
                Field("kind", .string(), "Pod or Secret."), Field("apiVersion", .string(), "Its version."),
                Field("name", .string(), "Its name."), Field("uid", .string(), "Its identity."),
              ])), "With what it ends."),
      ]),
    status: ObjectSchema(
      authentication + "TokenRequestStatus", "The answer.",
      fields: [
        Field("token", .string(), "The token."), Field("expirationTimestamp", .time, "When it ends."),
      ]))

  static let eviction = ObjectSchema(
    "io.k8s.api.policy.v1.Eviction", "The end of a pod that somebody asks for.",
    fields: [
      .kind, .apiVersion, Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("deleteOptions", .object(MachinerySchemas.deleteOptions), "How the pod is deleted."),
    ])

  // MARK: authorization

  private static let resourceAttributes = ObjectSchema(
    authorization + "ResourceAttributes", "What is done to which objects.",
    fields: [
      Field("namespace", .string(), "Namespace; empty: all, or none."), Field("verb", .string(), "get, list, …"),
      Field("group", .string(), "API group."), Field("version", .string(), "Version."),
      Field("resource", .string(), "Plural of the kind."), Field("subresource", .string(), "Part of the object."),
      Field("name", .string(), "Name; empty: all."),
      Field("fieldSelector", .object(selector("Field")), "Which by their fields."),
      Field("labelSelector", .object(selector("Label")), "Which by their labels."),
    ])

  private static func selector(_ what: String) -> ObjectSchema {
    ObjectSchema(
      authorization + "\(what)SelectorAttributes", "A selector.",
      fields: [
        Field("rawSelector", .string(), "As queries say it."),
        Field("requirements", .list(.anything, .atomic), "Taken apart."),
      ])
  }

  private static let attributes = [
    Field("resourceAttributes", .object(resourceAttributes), "What is done to objects."),
    Field(
      "nonResourceAttributes",
      .object(
        ObjectSchema(
          authorization + "NonResourceAttributes", "What is done to an address.",
          fields: [Field("path", .string(), "Address."), Field("verb", .string(), "Method in small letters.")])),
      "What is done to an address that is no object's."),
  ]

  private static let accessStatus = ObjectSchema(
    authorization + "SubjectAccessReviewStatus", "The answer.",
    fields: [
      Field("allowed", .boolean, "Whether he may.", isRequired: true, allowsEmpty: true),
      Field("denied", .boolean, "Whether he must not, whatever others say."), Field("reason", .string(), "Why."),
      Field("evaluationError", .string(), "What could not be looked at."),
    ])

  private static let subjectSpec = ObjectSchema(
    authorization + "SubjectAccessReviewSpec", "Who and what.",
    fields: attributes + [
      Field("user", .string(), "Who."), Field("groups", .list(.string(), .atomic), "His groups."),
      Field("extra", .map(.list(.string(), .atomic)), "What else is known of him."),
      Field("uid", .string(), "His identity."),
    ])

  static let selfSubjectAccessReview = review(
    authorization + "SelfSubjectAccessReview", "Whether the one who asks may do something.",
    spec: ObjectSchema(authorization + "SelfSubjectAccessReviewSpec", "What.", fields: attributes), status: accessStatus
  )

  static let subjectAccessReview = review(
    authorization + "SubjectAccessReview", "Whether somebody may do something.", spec: subjectSpec, status: accessStatus
  )

  static let localSubjectAccessReview = review(
    authorization + "LocalSubjectAccessReview", "Whether somebody may do something in a namespace.", spec: subjectSpec,
    status: accessStatus)

  private static func rule(_ name: String, _ fields: [String]) -> ObjectSchema {
    ObjectSchema(
      authorization + name, "What is allowed.",
      fields: fields.map {
        Field($0, .list(.string(), .atomic), "One of these.", isRequired: $0 == "verbs", allowsEmpty: true)
      })
  }

  static let selfSubjectRulesReview = review(
    authorization + "SelfSubjectRulesReview", "What the one who asks may do in a namespace.",
    spec: ObjectSchema(
      authorization + "SelfSubjectRulesReviewSpec", "Where.", fields: [Field("namespace", .string(), "Namespace.")]),
    status: ObjectSchema(
      authorization + "SubjectRulesReviewStatus", "The answer.",
      fields: [
        Field(
          "resourceRules",
          .list(
            .object(rule("ResourceRule", ["verbs", "apiGroups", "resources", "resourceNames"])), .atomic), "Of objects."
        ),
        Field(
          "nonResourceRules", .list(.object(rule("NonResourceRule", ["verbs", "nonResourceURLs"])), .atomic),
          "Of addresses."),
        Field("incomplete", .boolean, "Whether there may be more."),
        Field("evaluationError", .string(), "What could not be looked at."),
      ]))
}
