/// Something that happened to a container, an image, a network, a volume or the engine.
public struct EngineEvent: Sendable, Equatable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable { case container, image, network, volume, daemon, sandbox }
  public var kind: Kind
  /// docker's word for it: `create`, `start`, `die`, `exec_create: ls`, …
  public var action: String
  public var actorID: String
  public var attributes: [String: String]
  /// Nanoseconds since 1970.
  public var time: Int64
  public init(kind: Kind, action: String, actorID: String, attributes: [String: String], time: Int64) {
    self.kind = kind
    self.action = action
    self.actorID = actorID
    self.attributes = attributes
    self.time = time
  }
}
