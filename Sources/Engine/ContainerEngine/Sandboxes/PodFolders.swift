/// Folders of the node's agent: what pods get of them without the policy naming them. The agent runs as root, and what it asks for
/// may be what a pod's author wrote: each pod has its own folder, and nothing of another's.
public struct PodFolders: Sendable, Equatable {
  /// The agent's own; what belongs to a pod is below `pods/UID` there.
  public var agent: String
  /// Where logs of pods may go besides.
  public var logs: [String]

  public init(agent: String, logs: [String] = []) {
    self.agent = agent
    self.logs = logs
  }

  /// Whether a path lies in the folder of the pod with this uid. Upward steps in it are not looked at: the path with its links
  /// followed is asked about once more.
  func isOwn(_ path: String, of uid: String) -> Bool {
    guard !uid.isEmpty, !uid.utf8.contains(UInt8(ascii: "/")), uid != ".", uid != ".." else { return false }
    return path.hasPrefix("\(agent)/pods/\(uid)/")
  }

  func holdsLogs(_ path: String) -> Bool { ([agent] + logs).contains { path.hasPrefix("\($0)/") } }
}
