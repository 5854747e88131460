/// Where an object lies: its resource, its namespace (empty for what has none) and its name.
public struct ObjectKey: Sendable, Hashable {
  public let resource: ResourceName
  public let namespace: String
  public let name: String

  public init(_ resource: ResourceName, namespace: String = "", name: String) {
    self.resource = resource
    self.namespace = namespace
    self.name = name
  }

  var place: ObjectPlace { ObjectPlace(namespace: namespace, name: name) }
}

/// A place among the objects of one resource. In the order of lists: by namespace, then by name.
public struct ObjectPlace: Sendable, Hashable, Comparable {
  public let namespace: String
  public let name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public static func < (left: ObjectPlace, right: ObjectPlace) -> Bool {
    left.namespace == right.namespace ? left.name < right.name : left.namespace < right.namespace
  }
}
