/// Bounds on what is read of a project.
public enum ComposeLimits {
  /// A compose file, a file of variables or labels; bytes.
  public static let fileBytes = 1 << 20
  public static let fileLines = 20_000
  /// Collections inside collections, in YAML.
  public static let depth = 64
  /// Values of a whole project after aliases and merges are written out.
  public static let nodes = 100_000
  /// Texts of a whole project after aliases are written out and variables replaced; bytes.
  public static let textBytes = 16 << 20
  /// A value after its variables are replaced; bytes.
  public static let valueBytes = 1 << 20
  /// `${A:-${B:-…}}`
  public static let interpolationDepth = 32
  /// Files of a project, included and extended ones too.
  public static let files = 200
  /// Includes in includes, extensions of extensions.
  public static let nesting = 32
  /// Services, networks, volumes, configs or secrets of a file.
  public static let entries = 1_000
  /// Ports of a project that ranges stand for.
  public static let ports = 100_000
  /// Ports that a range stands for.
  public static let portRange = 4_096
  public static let replicas = 1_000
  /// Faults that are told of a project, and after how many nothing more is looked for.
  public static let toldFaults = 20
  static let gatheredFaults = 1_000
  /// Variables of a file.
  public static let variables = 10_000
  /// Values of a file's variables after those in them are replaced; bytes.
  public static let variableBytes = 4 << 20
}

/// What is left of the bounds on a whole project; files share it.
struct ComposeBudget {
  private(set) var nodes = ComposeLimits.nodes
  private(set) var textBytes = ComposeLimits.textBytes
  private(set) var files = ComposeLimits.files

  mutating func take(nodes count: Int, textBytes bytes: Int, at location: ComposeLocation) throws(ComposeFault) {
    nodes -= count
    textBytes -= bytes
    guard nodes >= 0 else {
      throw ComposeFault(
        .limit, at: location,
        "more than \(ComposeLimits.nodes) values, with those that aliases, merges and files of variables stand for")
    }
    guard textBytes >= 0 else {
      throw ComposeFault(
        .limit, at: location,
        "more than \(ComposeLimits.textBytes) bytes of text, with what aliases and files of variables stand for")
    }
  }

  mutating func takeFile(_ path: String, at location: ComposeLocation?) throws(ComposeFault) {
    files -= 1
    guard files >= 0 else {
      throw ComposeFault(.limit, at: location, "more than \(ComposeLimits.files) files, '\(path)' is one too many")
    }
  }
}
