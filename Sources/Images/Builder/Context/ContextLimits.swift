/// Bounds on build contexts and on what is kept of them.
public struct ContextLimits: Sendable, Hashable {
  /// Files, directories and links of one context.
  public var entries = 500_000
  /// Bytes of one context's list.
  public var listBytes = 128 << 20
  /// Bytes of the files of one context.
  public var contextBytes: Int64 = 64 << 30
  /// Bytes of all contents and lists that are kept between builds; what a build is using stays beyond it.
  public var keptBytes: Int64 = 8 << 30
  /// Contexts that are kept between builds.
  public var keptContexts = 200
  /// Bytes of a path or of a link's target (PATH_MAX less its zero byte).
  public var pathBytes = 4_095
  /// Components of a path.
  public var depth = 1_024
  /// Lists that are kept in memory, ready for the next build.
  public var listsInMemory = 4
  /// Uploads under way.
  public var uploads = 64

  public init() {}
}
