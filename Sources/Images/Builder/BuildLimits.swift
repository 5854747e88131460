/// What one build may use.
public struct BuildLimits: Sendable {
  /// Bytes of the build cache; the steps used longest ago go first.
  public var cacheBytes: Int64 = 20 << 30
  /// Steps that the cache knows.
  public var cacheEntries = 20_000
  /// Bytes of a Dockerfile.
  public var dockerfileBytes = 1 << 20
  /// Files that one COPY or ADD may take.
  public var copiedEntries = 500_000
  /// Bytes of one file that ADD fetches.
  public var fetchedBytes: Int64 = 8 << 30
  /// Bytes of the folders of `RUN --mount=type=cache`; those used longest ago go first.
  public var cacheMountBytes: Int64 = 10 << 30
  /// Bytes of one secret.
  public var secretBytes = 500 << 10

  public init() {}
}
