import HTTPServing
import KubeMachinery

/// How the server finds out who asks. Source: Kubernetes *Authenticating*.
public struct Authentication: Sendable {
  public typealias CertificateHolder = @Sendable (_ der: [UInt8]) -> Requester?
  public typealias TokenHolder =
    @Sendable (
      _ token: String, _ audiences: [String], _ remoteAddress: String?
    ) async throws -> BearerIdentity?

  /// Longer ones are not looked at.
  public static let maxTokenBytes = 16 * 1024

  let certificate: CertificateHolder
  let token: TokenHolder
  /// Who shows nothing.
  let stranger: Requester

  /// - Parameters:
  ///   - certificate: who holds a certificate that TLS has checked; nil where it names nobody, or is over by now.
  ///   - token: who holds a bearer token; nil where nobody does, or it is for others than these audiences.
  public init(certificate: @escaping CertificateHolder, token: @escaping TokenHolder) {
    self.init(certificate: certificate, token: token, stranger: .anonymous)
  }

  init(certificate: @escaping CertificateHolder, token: @escaping TokenHolder, stranger: Requester) {
    self.certificate = certificate
    self.token = token
    self.stranger = stranger
  }

  /// Who asks; somebody anonymous where the request shows nothing. Throws `StatusError` (401) where what it shows is no good.
  func requester(of request: HTTPRequest) async throws -> Requester {
    if let der = request.clientCertificate, let holder = certificate(der) { return Self.known(holder) }
    let token = Self.token(request)
    if let token, token.utf8.count <= Self.maxTokenBytes,
      let holder = try await bearer(token, [], request.remoteAddress)
    {
      return holder.requester
    }
    guard request.clientCertificate == nil, token == nil else { throw StatusError.unauthorized }
    return stranger
  }

  /// Who holds a token that is good for one of these audiences; none: for this API.
  func bearer(_ token: String, _ audiences: [String], _ remoteAddress: String?) async throws -> BearerIdentity? {
    guard let identity = try await self.token(token, audiences, remoteAddress) else { return nil }
    return BearerIdentity(Self.known(identity.requester), audiences: identity.audiences)
  }

  private static func known(_ requester: Requester) -> Requester {
    guard !requester.groups.contains(Requester.authenticated) else { return requester }
    return Requester(
      name: requester.name, groups: requester.groups + [Requester.authenticated], uid: requester.uid,
      extra: requester.extra)
  }

  /// Nil where the request carries none. Source: RFC 6750, section 2.1; schemes are compared in any case.
  private static func token(_ request: HTTPRequest) -> String? {
    guard let header = request.headers.first(name: "Authorization") else { return nil }
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    let token = parts[1].trimmingBlanks()
    return token.isEmpty ? nil : token
  }
}

/// Who holds a token, and for whom it is good.
public struct BearerIdentity: Sendable {
  public let requester: Requester
  public let audiences: [String]

  public init(_ requester: Requester, audiences: [String]) {
    self.requester = requester
    self.audiences = audiences
  }
}

extension StatusError {
  static let unauthorized = StatusError(401, "Unauthorized", "Unauthorized")
}
