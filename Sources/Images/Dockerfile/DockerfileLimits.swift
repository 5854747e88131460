/// Bounds on what is read of a Dockerfile and of an ignore file.
public enum DockerfileLimits {
  /// A Dockerfile, bytes.
  public static let fileBytes = 4 << 20
  /// A line of the file, scalars; lines of here-documents have no bound but the file's.
  public static let lineScalars = 64 << 10
  /// An instruction with its continuation lines, scalars.
  public static let instructionScalars = 1 << 20
  public static let instructions = 10_000
  public static let stages = 1_000
  /// Here-documents of one instruction.
  public static let heredocs = 100
  /// Words of one instruction.
  public static let words = 10_000
  /// A word after expansion, scalars.
  public static let expandedScalars = 128 << 10
  /// `${a:-${b:-…}}`.
  public static let expansionDepth = 32
  /// A pattern after `#`, `%` or `/`, scalars.
  public static let substitutionPatternScalars = 1 << 10
  /// Members of a JSON list may be nested no deeper when it is looked at.
  static let listBytes = 1 << 20
  /// An ignore file, bytes, and its patterns.
  public static let ignoreFileBytes = 1 << 20
  public static let ignorePatterns = 10_000
  public static let ignorePatternScalars = 4 << 10
}
