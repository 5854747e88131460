/// An OCI runtime that the engine may call, by the name a client chooses it with.
public struct RuntimeProgram: Sendable, Equatable {
  public var name: String
  /// Absolute path of the program.
  public var path: String
  /// Arguments before the command, for runtimes that need them.
  public var arguments: [String]

  public init(name: String, path: String, arguments: [String] = []) {
    self.name = name
    self.path = path
    self.arguments = arguments
  }

  /// crun is known well enough to spare some of its calls, and has needs of its own: it refuses cgroup v2 hierarchies
  /// that stand beside v1 ones unless the v2 one is out of its sight.
  var isCrun: Bool { path.hasSuffix("/crun") }
}
