/// A kind within its group and version: `apps`, `v1`, `Deployment`.
public struct KindName: Sendable, Hashable {
  /// Empty for the core group.
  public let group: String
  public let version: String
  public let kind: String

  public init(group: String, version: String, kind: String) {
    self.group = group
    self.version = version
    self.kind = kind
  }

  /// As documents say it: `v1`, `apps/v1`.
  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// A resource as addresses and roles name it: `apps`, `deployments`.
public struct ResourceName: Sendable, Hashable, CustomStringConvertible {
  public let group: String
  /// In the plural.
  public let resource: String

  public init(group: String, resource: String) {
    self.group = group
    self.resource = resource
  }

  /// As error messages say it: `pods`, `deployments.apps`.
  public var description: String { group.isEmpty ? resource : "\(resource).\(group)" }
}
