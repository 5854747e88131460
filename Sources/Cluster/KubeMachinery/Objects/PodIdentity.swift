/// Which pod is meant, or something belongs to. Names come again with other pods: the uid tells them apart.
public struct PodIdentity: Sendable, Hashable {
  public let namespace: String
  public let name: String
  public let uid: String

  public init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  /// Of a pod's metadata.
  public init(_ meta: ObjectMeta) {
    self.init(namespace: meta.namespace, name: meta.name, uid: meta.uid)
  }
}
