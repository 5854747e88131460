import LinuxSystem
import Model
import NIOCore
import NIOSSL

/// What a server proves itself with over TLS. It can be exchanged while the server runs: connections that are open keep
/// what they began with.
public final class ServerTLS: Sendable {
  private let context: Locked<NIOSSLContext>
  private let clientAuthorities: [UInt8]

  /// - Parameters:
  ///   - chain: certificates in PEM form, the server's own first.
  ///   - privateKey: its key in PEM form.
  ///   - clientAuthorities: certificates in PEM form, whose holders may vouch for clients. A client that shows a certificate of
  ///     another, or one that is over, gets no connection; one that shows none gets one, and who it is shows elsewhere. Empty: no
  ///     client is asked for a certificate.
  /// - Throws: `PlatformError` (`invalidArgument`) for what is no certificate or no key, or where they do not fit.
  public init(chain: [UInt8], privateKey: [UInt8], clientAuthorities: [UInt8] = []) throws {
    self.clientAuthorities = clientAuthorities
    context = Locked(try Self.context(chain, privateKey, clientAuthorities))
  }

  /// The same for connections from now on; what was there stays where this throws.
  public func replace(chain: [UInt8], privateKey: [UInt8]) throws {
    let fresh = try Self.context(chain, privateKey, clientAuthorities)
    context.withLock { $0 = fresh }
  }

  func makeHandler() -> NIOSSLServerHandler {
    NIOSSLServerHandler(context: context.withLock { $0 })
  }

  private static func context(
    _ chain: [UInt8], _ privateKey: [UInt8], _ clientAuthorities: [UInt8]
  ) throws -> NIOSSLContext {
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(bytes: privateKey, format: .pem)))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      if !clientAuthorities.isEmpty {
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(clientAuthorities))
        configuration.certificateVerification = .optionalVerification
      }
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw PlatformError(
        .invalidArgument, "the certificate and the key for TLS cannot be used: they are malformed or do not fit",
        cause: error)
    }
  }
}
