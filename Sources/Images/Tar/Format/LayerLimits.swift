/// Bounds on what one archive from outside may make us do. Over them `resourceExhausted` is thrown.
public struct LayerLimits: Sendable, Hashable {
  /// Bytes of the unpacked tar stream.
  public var totalBytes: Int64 = 64 << 30
  /// Files, directories, links and markers together.
  public var entries = 500_000
  /// Components of a path.
  public var depth = 1_024
  /// Bytes of a path or of a link's target, the kernel's own bound (PATH_MAX, limits.h) less its zero byte.
  public var pathBytes = 4_095
  /// Bytes of one extended header (long names, attributes) of an entry.
  public var extendedHeaderBytes = 1 << 20
  /// Most unpacked bytes for each packed one, once `ratioGraceBytes` have come: gzip alone can reach 1,032.
  public var ratio: Int64 = 300
  public var ratioGraceBytes: Int64 = 256 << 20
  /// Window of zstd as a power of two: 32 MiB, which `zstd` uses up to level 20.
  public var zstdWindowLog = 25
  /// Memory of the xz decoder: the 64 MiB dictionary of `xz -9` fits.
  public var xzMemoryBytes = 80 << 20
  /// Bytes of the names of directories whose times are set at the end.
  public var directoryNameBytes = 32 << 20

  public init() {}
  public static let standard = LayerLimits()
}
