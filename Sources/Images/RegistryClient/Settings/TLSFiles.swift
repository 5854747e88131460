import Glibc
import LinuxSystem
import Model
import NIOSSL

/// Reads the CAs and client certificates that belong to one registry. Blocks.
enum TLSFiles {
  /// Files of one registry's folder that are looked at.
  private static let maximumFiles = 100
  private static let maximumFileBytes = 1 << 20

  /// The settings for a host: the system's roots and, in addition, the CAs of its folders.
  /// - Throws: `invalidArgument` naming a file that cannot be used.
  static func configuration(
    for host: RegistryHost, folders: [String], verifies: Bool
  ) throws -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if !verifies { tls.certificateVerification = .none }
    for folder in folders {
      let path = "\(folder)/\(host.authority)"
      guard let names = try? FileSystem.list(path, maxEntries: maximumFiles) else { continue }
      for name in names.sorted() {
        let file = "\(path)/\(name)"
        if name.hasSuffix(".crt") {
          tls.additionalTrustRoots.append(.certificates(try certificates(file)))
        } else if name.hasSuffix(".cert"), tls.certificateChain.isEmpty {
          let key = String(file.dropLast(5)) + ".key"
          guard FileSystem.exists(key) else {
            throw PlatformError(
              .invalidArgument, "the client certificate '\(file)' has no key: put it into '\(key)'")
          }
          tls.certificateChain = try certificates(file).map { .certificate($0) }
          tls.privateKey = .privateKey(try privateKey(key))
        }
      }
    }
    return tls
  }

  private static func certificates(_ path: String) throws -> [NIOSSLCertificate] {
    do {
      return try NIOSSLCertificate.fromPEMBytes(try FileSystem.read(path, maxBytes: maximumFileBytes))
    } catch {
      throw PlatformError(.invalidArgument, "'\(path)' holds no certificate in PEM form", cause: error)
    }
  }

  private static func privateKey(_ path: String) throws -> NIOSSLPrivateKey {
    do {
      return try NIOSSLPrivateKey(bytes: try FileSystem.read(path, maxBytes: maximumFileBytes), format: .pem)
    } catch {
      throw PlatformError(.invalidArgument, "'\(path)' holds no private key in PEM form", cause: error)
    }
  }
}
