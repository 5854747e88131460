import Model

/// A place in a Dockerfile.
public struct SourcePosition: Sendable {}
