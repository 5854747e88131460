import Model
import NIOCore
import NIOSSL
import Synchronization

/// What a server proves itself with over TLS. It can be exchanged while the server runs: connections that are open keep
/// what they began with.
public final class ServerTLS: Sendable {
  private let context: Mutex<NIOSSLContext>

  /// - Parameters:
  ///   - chain: certificates in PEM form, the server's own first.
  ///   - privateKey: its key in PEM form.
  /// - Throws: `PlatformError` (`invalidArgument`) for what is no certificate or no key, or where they do not fit.
  public init(chain: [UInt8], privateKey: [UInt8]) throws {
    context = Mutex(try Self.context(chain, privateKey))
  }

  /// The same for connections from now on; what was there stays where this throws.
  public func replace(chain: [UInt8], privateKey: [UInt8]) throws {
    let fresh = try Self.context(chain, privateKey)
    context.withLock { $0 = fresh }
  }

  func makeHandler() -> NIOSSLServerHandler {
    NIOSSLServerHandler(context: context.withLock { $0 })
  }

  private static func context(_ chain: [UInt8], _ privateKey: [UInt8]) throws -> NIOSSLContext {
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(bytes: privateKey, format: .pem)))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw PlatformError(
        .invalidArgument, "the certificate and the key for TLS cannot be used: they are malformed or do not fit",
        cause: error)
    }
  }
}
