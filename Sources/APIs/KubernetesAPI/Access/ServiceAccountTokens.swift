import Crypto
import FoundationEssentials
import HTTPServing
import KubeMachinery
import LinuxSystem

/// Tokens of service accounts: signed statements (JWT, ES256) that end by time, with their account, and with the object that they are
/// bound to.
///
/// Sources: RFC 7519, RFC 7515; Kubernetes *Managing Service Accounts*, *Bound service account tokens*.
public final class ServiceAccountTokens: Sendable {
  private static let maxKnown = 1_024

  /// What a token whose signature is right says.
  private struct Claims: Sendable {
    let audiences: [String]
    let validFrom: Int64
    let validUntil: Int64
    let id: String
    let namespace: String
    let account: Reference
    let pod: Reference?
    let secret: Reference?

    struct Reference: Sendable {
      let name: String
      let uid: String
    }
  }

  /// For whom tokens are good that name nobody: the API itself.
  public let audience: String
  private let issuer: String
  private let key: P256.Signing.PrivateKey
  private let keyID: String
  private let service: ObjectService
  private let now: @Sendable () -> Timestamp
  /// By the token's text: signatures are the dear part.
  private let known = Locked<[String: Claims]>([:])

  /// - Parameter keyPEM: of the key that signs. Throws where it is none.
  public init(
    keyPEM: String, issuer: String, audience: String, service: ObjectService, now: @escaping @Sendable () -> Timestamp
  ) throws {
    key = try P256.Signing.PrivateKey(pemRepresentation: keyPEM)
    keyID = Base64URL.encode(Array(SHA256.hash(data: key.publicKey.derRepresentation)))
    self.issuer = issuer
    self.audience = audience
    self.service = service
    self.now = now
  }

  public static func freshKeyPEM() -> String { P256.Signing.PrivateKey().pemRepresentation + "\n" }

  /// - Parameters:
  ///   - account: the service account's document.
  ///   - holder: the pod or secret that it ends with.
  ///   - audiences: for whom; none: for the API.
  func issue(
    _ account: JSONValue, boundTo holder: JSONValue?, audiences: [String], seconds: Int64
  ) throws -> (token: String, end: Timestamp) {
    func reference(_ object: JSONValue) -> JSONValue {
      ["name": .string(object.meta.name), "uid": .string(object.meta.uid)]
    }
    let begin = now().seconds
    var scope: JSONValue = ["namespace": .string(account.meta.namespace)]
    if let holder { scope[holder.kind.lowercased()] = reference(holder) }
    scope["serviceaccount"] = reference(account)
    let payload: JSONValue = [
      "aud": .array((audiences.isEmpty ? [audience] : audiences).map { .string($0) }), "exp": .integer(begin + seconds),
      "iat": .integer(begin), "iss": .string(issuer), "jti": .string(UUID().uuidString.lowercased()),
      "kubernetes.io": scope, "nbf": .integer(begin),
      "sub": .string("system:serviceaccount:\(account.meta.namespace):\(account.meta.name)"),
    ]
    let header: JSONValue = ["alg": "ES256", "kid": .string(keyID)]
    let signed = Base64URL.encode(header.encoded()) + "." + Base64URL.encode(payload.encoded())
    let signature = try key.signature(for: Data(signed.utf8))
    return (
      signed + "." + Base64URL.encode(Array(signature.rawRepresentation)), Timestamp(seconds: begin + seconds)
    )
  }

  /// Whose a token is; nil where it is not ours, is over, is for others, or where its account or holder is gone.
  /// - Parameter audiences: one of which it has to be for; none: the API.
  public func identity(_ token: String, audiences: [String]) async throws -> BearerIdentity? {
    guard let claims = known.withLock({ $0[token] }) ?? read(token) else { return nil }
    let time = now().seconds
    let goodFor = claims.audiences.filter { (audiences.isEmpty ? [audience] : audiences).contains($0) }
    guard claims.validFrom <= time, time < claims.validUntil, !goodFor.isEmpty,
      try await isThere(claims.account, "serviceaccounts", claims.namespace),
      try await isThere(claims.pod, "pods", claims.namespace),
      try await isThere(claims.secret, "secrets", claims.namespace)
    else { return nil }
    var extra = ["authentication.kubernetes.io/credential-id": ["JTI=\(claims.id)"]]
    if let pod = claims.pod {
      extra["authentication.kubernetes.io/pod-name"] = [pod.name]
      extra["authentication.kubernetes.io/pod-uid"] = [pod.uid]
    }
    return BearerIdentity(
      Requester(
        name: "system:serviceaccount:\(claims.namespace):\(claims.account.name)",
        groups: [
          "system:serviceaccounts", "system:serviceaccounts:\(claims.namespace)", Requester.authenticated,
        ], uid: claims.account.uid, extra: extra), audiences: goodFor)
  }

  /// A new object of an old name is another one.
  private func isThere(_ reference: Claims.Reference?, _ plural: String, _ namespace: String) async throws -> Bool {
    guard let reference else { return true }
    let key = ObjectKey(ResourceName(group: "", resource: plural), namespace: namespace, name: reference.name)
    guard let meta = try await service.store.get(key)?.value().meta else { return false }
    return meta.uid == reference.uid && meta.deletionTimestamp == nil
  }

  private func read(_ token: String) -> Claims? {
    let parts = token.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3, let head = Base64URL.decode(parts[0]), let body = Base64URL.decode(parts[1]),
      let seal = Base64URL.decode(parts[2]), let header = try? JSONParser.parse(head),
      header["alg"]?.text == "ES256", header["kid"]?.text == keyID,
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: seal),
      key.publicKey.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8)),
      let payload = try? JSONParser.parse(body), payload["iss"]?.text == issuer, let claims = Self.claims(payload)
    else { return nil }
    known.withLock { known in
      if known.count >= Self.maxKnown { known = [:] }
      known[token] = claims
    }
    return claims
  }

  private static func claims(_ payload: JSONValue) -> Claims? {
    let scope = payload["kubernetes.io"] ?? .null
    func reference(_ name: String) -> Claims.Reference? {
      guard let object = scope[name], let name = object["name"]?.text, let uid = object["uid"]?.text else { return nil }
      return Claims.Reference(name: name, uid: uid)
    }
    guard let end = payload["exp"]?.integer, let begin = payload["nbf"]?.integer, let id = payload["jti"]?.text,
      let namespace = scope["namespace"]?.text, let account = reference("serviceaccount")
    else { return nil }
    return Claims(
      audiences: payload["aud"]?.items.compactMap(\.text) ?? [], validFrom: begin, validUntil: end, id: id,
      namespace: namespace, account: account, pod: reference("pod"), secret: reference("secret"))
  }
}

/// Source: RFC 4648, section 5, without padding.
enum Base64URL {
  static func encode(_ bytes: [UInt8]) -> String {
    let letters = Data(bytes).base64EncodedString().utf8.filter { $0 != UInt8(ascii: "=") }.map { letter in
      letter == UInt8(ascii: "+") ? UInt8(ascii: "-") : letter == UInt8(ascii: "/") ? UInt8(ascii: "_") : letter
    }
    return String(decoding: letters, as: UTF8.self)
  }

  static func decode(_ text: Substring) -> [UInt8]? {
    var letters = text.utf8.map { letter in
      letter == UInt8(ascii: "-") ? UInt8(ascii: "+") : letter == UInt8(ascii: "_") ? UInt8(ascii: "/") : letter
    }
    letters += [UInt8](repeating: UInt8(ascii: "="), count: (4 - letters.count % 4) % 4)
    return Data(base64Encoded: Data(letters)).map { Array($0) }
  }
}
