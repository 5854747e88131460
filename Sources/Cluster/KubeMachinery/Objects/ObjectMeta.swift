import HTTPServing

/// What every object says about itself: a view on the `metadata` of a document.
/// Source: Kubernetes `meta/v1.ObjectMeta`.
public struct ObjectMeta: Sendable, Equatable {
  /// The `metadata` object itself.
  public var document: JSONValue

  public init(_ document: JSONValue = .object([])) {
    self.document = document
  }

  /// Texts are empty, numbers 0 where the member is missing; set to that, the member goes.
  public var name: String {
    get { text("name") }
    set { set("name", newValue) }
  }
  public var generateName: String {
    get { text("generateName") }
    set { set("generateName", newValue) }
  }
  public var namespace: String {
    get { text("namespace") }
    set { set("namespace", newValue) }
  }
  public var uid: String {
    get { text("uid") }
    set { set("uid", newValue) }
  }
  public var resourceVersion: String {
    get { text("resourceVersion") }
    set { set("resourceVersion", newValue) }
  }
  public var generation: Int64 {
    get { document["generation"]?.integer ?? 0 }
    set { document["generation"] = newValue == 0 ? nil : .integer(newValue) }
  }
  /// RFC 3339, whole seconds, UTC; empty where there is none.
  public var creationTimestamp: String {
    get { text("creationTimestamp") }
    set { set("creationTimestamp", newValue) }
  }
  /// RFC 3339; nil where nobody has asked for its deletion.
  public var deletionTimestamp: String? {
    get { document["deletionTimestamp"]?.text }
    set { document["deletionTimestamp"] = newValue.map { .string($0) } }
  }
  public var deletionGracePeriodSeconds: Int64? {
    get { document["deletionGracePeriodSeconds"]?.integer }
    set { document["deletionGracePeriodSeconds"] = newValue.map { .integer($0) } }
  }
  public var labels: [String: String] {
    get { document["labels"]?.texts ?? [:] }
    set { document["labels"] = newValue.isEmpty ? nil : .texts(newValue) }
  }
  public var annotations: [String: String] {
    get { document["annotations"]?.texts ?? [:] }
    set { document["annotations"] = newValue.isEmpty ? nil : .texts(newValue) }
  }
  public var finalizers: [String] {
    get { document["finalizers"]?.items.compactMap(\.text) ?? [] }
    set { document["finalizers"] = newValue.isEmpty ? nil : .array(newValue.map { .string($0) }) }
  }
  public var ownerReferences: [OwnerReference] {
    get { document["ownerReferences"]?.items.map(OwnerReference.init) ?? [] }
    set { document["ownerReferences"] = newValue.isEmpty ? nil : .array(newValue.map(\.document)) }
  }
  /// What server-side apply remembers.
  public var managedFields: [JSONValue] {
    get { document["managedFields"]?.items ?? [] }
    set { document["managedFields"] = newValue.isEmpty ? nil : .array(newValue) }
  }

  private func text(_ name: String) -> String { document[name]?.text ?? "" }

  private mutating func set(_ name: String, _ text: String) {
    document[name] = text.isEmpty ? nil : .string(text)
  }
}

/// Who owns an object: with its owner it goes.
/// Source: Kubernetes `meta/v1.OwnerReference`.
public struct OwnerReference: Sendable, Equatable {
  public var apiVersion: String
  public var kind: String
  public var name: String
  public var uid: String
  public var isController: Bool
  public var blocksOwnerDeletion: Bool

  public init(
    apiVersion: String, kind: String, name: String, uid: String, isController: Bool = false,
    blocksOwnerDeletion: Bool = false
  ) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.name = name
    self.uid = uid
    self.isController = isController
    self.blocksOwnerDeletion = blocksOwnerDeletion
  }

  init(_ document: JSONValue) {
    apiVersion = document["apiVersion"]?.text ?? ""
    kind = document["kind"]?.text ?? ""
    name = document["name"]?.text ?? ""
    uid = document["uid"]?.text ?? ""
    isController = document["controller"]?.flag ?? false
    blocksOwnerDeletion = document["blockOwnerDeletion"]?.flag ?? false
  }

  var document: JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("apiVersion", .string(apiVersion)), ("kind", .string(kind)), ("name", .string(name)), ("uid", .string(uid)),
    ]
    if isController { members.append(("controller", true)) }
    if blocksOwnerDeletion { members.append(("blockOwnerDeletion", true)) }
    return .object(members)
  }
}

extension JSONValue {
  /// The object's metadata.
  public var meta: ObjectMeta {
    get { ObjectMeta(self["metadata"] ?? .object([])) }
    set { self["metadata"] = newValue.document }
  }

  public var apiVersion: String { self["apiVersion"]?.text ?? "" }
  public var kind: String { self["kind"]?.text ?? "" }
}
