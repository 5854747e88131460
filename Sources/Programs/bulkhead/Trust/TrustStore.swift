import ArgumentParser
import Glibc

/// Who is made to trust an authority.
enum TrustTarget: String, ExpressibleByArgument, CaseIterable {
  case docker, system, engine
}

/// The folders in which docker, the system and the engine look for authorities.
///
/// docker and the engine keep one folder for each registry, `HOST:PORT/ca.crt`; the system has one list for all, where the
/// file's name has the certificate's digest.
struct TrustStore {
  /// What stands before every path; empty for this system.
  let root: String

  var systemFolder: String { "\(root)/usr/local/share/ca-certificates" }

  private func folder(_ target: TrustTarget, _ name: String) -> String? {
    switch target {
    case .docker: "\(root)/etc/docker/certs.d/\(name)"
    case .engine: "\(root)/etc/bulkhead/certs.d/\(name)"
    case .system: nil
    }
  }

  private func systemPath(_ digest: String) -> String { "\(systemFolder)/bulkhead-\(digest.prefix(16)).crt" }

  /// Writes the certificate wherever it is not yet; the paths that have it now.
  ///
  /// Throws before anything is written where another certificate is in a place, unless that is to be replaced.
  func install(
    _ certificate: CertificateFile, _ names: [String], _ targets: [TrustTarget], replacing: Bool
  ) throws(ClientError) -> [String] {
    var paths: [String] = []
    for target in targets {
      paths +=
        target == .system
        ? [systemPath(certificate.digest)]
        : names.compactMap { folder(target, $0) }
          .map { $0 + "/ca.crt" }
    }
    for path in paths where !replacing {
      if let present = try WholeFile.read(path, limit: CertificateFile.maximumBytes),
        (try? CertificateFile(pem: present, named: path)) != certificate
      {
        throw ClientError("'\(path)' is another certificate: replace it with --force")
      }
    }
    for path in paths {
      try WholeFile.makeFolders(WholeFile.folder(of: path))
      try WholeFile.write(path, Array(certificate.pem.utf8), mode: 0o644)
    }
    return paths
  }

  /// Removes the certificates of registries, and from the system's list those that no other registry here has; the paths
  /// that are gone.
  func remove(_ names: [String], _ targets: [TrustTarget]) throws(ClientError) -> [String] {
    var gone: [String] = []
    var digests: Set<String> = []
    for name in names {
      for target in TrustTarget.allCases {
        guard let folder = folder(target, name) else { continue }
        let path = folder + "/ca.crt"
        guard let bytes = try WholeFile.read(path, limit: CertificateFile.maximumBytes) else { continue }
        if let certificate = try? CertificateFile(pem: bytes, named: path) { digests.insert(certificate.digest) }
        guard targets.contains(target) else { continue }
        guard unlink(path) == 0 else { throw ClientError("cannot remove '\(path)': \(describe(errno: errno))") }
        // Client certificates and other authorities of that registry stay.
        rmdir(folder)
        gone.append(path)
      }
    }
    guard targets.contains(.system) else { return gone }
    for digest in digests.subtracting(try stillNeeded()).sorted() {
      let path = systemPath(digest)
      if unlink(path) == 0 {
        gone.append(path)
      } else if errno != ENOENT {
        throw ClientError("cannot remove '\(path)': \(describe(errno: errno))")
      }
    }
    return gone
  }

  /// Digests of the authorities of every registry that is still trusted.
  private func stillNeeded() throws(ClientError) -> Set<String> {
    var digests: Set<String> = []
    for parent in ["\(root)/etc/docker/certs.d", "\(root)/etc/bulkhead/certs.d"] {
      for name in Self.entries(of: parent) {
        let path = "\(parent)/\(name)/ca.crt"
        if let bytes = try WholeFile.read(path, limit: CertificateFile.maximumBytes),
          let certificate = try? CertificateFile(pem: bytes, named: path)
        {
          digests.insert(certificate.digest)
        }
      }
    }
    return digests
  }

  private static func entries(of folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
