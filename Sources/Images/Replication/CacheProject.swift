import Model
import Registry

/// A project that shows the repositories of a peer and keeps what was asked for.
public struct CacheProject: Sendable, Hashable, Codable {
  /// The project here: `hub` shows the repositories `hub/…`.
  public var project: String
  /// Name of a `ReplicationPeer`.
  public var peer: String
  /// What stands there in place of the project; empty: nothing.
  public var remotePath: String
  /// How long a tag is believed before the peer is asked again.
  public var freshSeconds: Int64

  /// Another one each time that the project is made a cache, or that its peer is set: what was fetched for one is not recorded
  /// for the next.
  var generation: Int64?

  public static let standardFreshSeconds: Int64 = 300
  public static let freshRange: ClosedRange<Int64> = 0...(30 * 86_400)

  public init(
    project: String, peer: String, remotePath: String = "", freshSeconds: Int64 = standardFreshSeconds
  ) {
    self.project = project
    self.peer = peer
    self.remotePath = remotePath
    self.freshSeconds = freshSeconds
  }

  /// Throws `invalidArgument` with field and value.
  public func check() throws {
    try ReplicationRule.checkName(peer, field: "cache.peer")
    try ReplicationRule.checkPath(project, field: "name", isProject: true)
    if !remotePath.isEmpty { try ReplicationRule.checkPath(remotePath, field: "cache.remotePath", isProject: false) }
    guard Self.freshRange.contains(freshSeconds) else {
      throw ReplicationRule.wrong(
        "cache.freshSeconds", "\(freshSeconds)", "expected 0 to \(Self.freshRange.upperBound)")
    }
  }

  /// The repository there of a repository here.
  func path(of repository: RepositoryName) -> String {
    let rest = repository.description.dropFirst(project.utf8.count + 1)
    return remotePath.isEmpty ? String(rest) : rest.isEmpty ? remotePath : "\(remotePath)/\(rest)"
  }
}
