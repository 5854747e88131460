/// Why a patch was not applied.
public struct PatchError: Error, Sendable, Equatable {
  public enum Code: Sendable {
    /// The patch is none: 400.
    case malformed
    /// The patch cannot be applied to this object: 422. A Kubernetes server answers `the server rejected our request due
    /// to an error in our request` and says no more.
    case unprocessable
    /// 413.
    case tooLarge
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
