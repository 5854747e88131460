/// The upstream of a cache project does not give what is not here.
public struct UpstreamFailure: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable {
    /// It cannot be reached, breaks off, or fails itself (5xx).
    case failed
    /// It takes too long.
    case silent
  }

  public let kind: Kind
  /// Written for the user.
  public let message: String

  public var description: String { message }
}
