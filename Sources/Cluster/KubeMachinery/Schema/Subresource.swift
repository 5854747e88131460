import HTTPServing

/// Something below an object's address: `status`, `scale`, `log`.
public struct Subresource: Sendable {
  public enum Purpose: Sendable {
    /// The status alone is written; the rest stays as it is.
    case status
    /// The number of replicas, as an `autoscaling/v1` Scale.
    case scale(ScalePaths)
    /// What the server does itself: `log`, `exec`, `eviction`.
    case other
  }

  public let name: String
  public let purpose: Purpose
  /// What is sent and answered, where that is not the kind itself.
  public let kind: KindName?
  public let verbs: [String]

  public init(_ name: String, _ purpose: Purpose = .other, kind: KindName? = nil, verbs: [String]) {
    self.name = name
    self.purpose = purpose
    self.kind = kind
    self.verbs = verbs
  }

  public static let status = Subresource("status", .status, verbs: ["get", "patch", "update"])

  public static func scale(_ paths: ScalePaths) -> Subresource {
    Subresource(
      "scale", .scale(paths), kind: KindName(group: "autoscaling", version: "v1", kind: "Scale"),
      verbs: ["get", "patch", "update"])
  }
}

/// Where a kind keeps what a Scale says.
public struct ScalePaths: Sendable {
  public let specReplicas: [String]
  public let statusReplicas: [String]
  /// The label selector of the replicas in the grammar of queries.
  public let selector: @Sendable (_ object: JSONValue) -> String

  public init(
    specReplicas: [String] = ["spec", "replicas"], statusReplicas: [String] = ["status", "replicas"],
    selector: @escaping @Sendable (_ object: JSONValue) -> String
  ) {
    self.specReplicas = specReplicas
    self.statusReplicas = statusReplicas
    self.selector = selector
  }
}
