import Model

/// Why a registry did not do what was asked.
public struct RegistryFailure: Error, Sendable, CustomStringConvertible {
  /// What callers branch on.
  public enum Kind: Sendable, Hashable {
    /// The registry has no such repository, manifest or blob.
    case notFound
    /// It wants credentials, or other ones.
    case unauthorized
    /// The credentials are right but do not suffice.
    case denied
    /// It asks for patience (429), also after several attempts.
    case tooManyRequests
    /// It does not do this: deleting, mostly.
    case unsupported
    /// It refuses what was sent.
    case rejected
    /// What it sent is not what it should be: wrong digest, size, form.
    case badContent
    /// It wants something that this client does not do: a redirect inwards, credentials for another host.
    case unsafe
    /// It cannot be reached, or the connection broke, also after several attempts.
    case unreachable
    /// It failed itself (5xx).
    case unavailable
  }

  public let kind: Kind
  /// Written for the user.
  public let message: String
  /// HTTP status, where an answer came.
  public let status: Int?
  /// Codes of the error body (OCI distribution specification, *Error codes*), as sent.
  public let codes: [String]
  /// No connection came about.
  let isUnconnected: Bool

  public init(_ kind: Kind, _ message: String, status: Int? = nil, codes: [String] = []) {
    self.init(kind, message, status: status, codes: codes, isUnconnected: false)
  }

  init(_ kind: Kind, _ message: String, status: Int? = nil, codes: [String] = [], isUnconnected: Bool) {
    self.isUnconnected = isUnconnected
    self.kind = kind
    self.message = message
    self.status = status
    self.codes = codes
  }

  public var description: String { message }

  /// Whether the same request may succeed in a while.
  var isPassing: Bool { kind == .tooManyRequests || kind == .unreachable || kind == .unavailable }

  /// The same as the error that crosses rooms; `action` starts the message: "failed to *pull image 'x'*".
  public func platformError(_ action: String) -> PlatformError {
    let code: PlatformError.Code =
      switch kind {
      case .notFound: .notFound
      case .unauthorized: .unauthenticated
      case .denied, .unsafe: .forbidden
      case .tooManyRequests: .resourceExhausted
      case .unsupported, .rejected, .badContent: .invalidArgument
      case .unreachable, .unavailable: .unavailable
      }
    return PlatformError(code, "failed to \(action): \(message)", context: ["codes": codes.joined(separator: ",")])
  }
}
