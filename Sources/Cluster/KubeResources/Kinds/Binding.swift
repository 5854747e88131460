import KubeMachinery

extension Kind {
  static let binding = Kind(
    KindName(group: "", version: "v1", kind: "Binding"), plural: "bindings", verbs: ["create"], schema: .binding,
    rules: KindRules(nameProblems: Naming.subdomain, validate: PodRules.bindingErrors))
}
