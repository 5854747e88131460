import HTTPServing
import Model
import Registry

/// What a path below `/v2/` is about. Names of repositories hold slashes, so a path is read from its end.
/// Source: OCI distribution specification 1.1, *Endpoints*.
enum DistributionRoute: Sendable, Equatable {
  case base
  case catalog
  case tags(RepositoryName)
  case referrers(RepositoryName, Digest)
  /// The reference as it was sent: what a bad one means depends on the method.
  case manifest(RepositoryName, String)
  case blob(RepositoryName, Digest)
  case startUpload(RepositoryName)
  case upload(RepositoryName, id: String)

  /// Throws `RegistryError` (`nameInvalid`, `digestInvalid`) and `RegistryAPI.Refusal` (404) for what is no path of this
  /// API.
  init(_ path: [String]) throws {
    guard path.first == "v2" else { throw Self.unknown }
    let parts = path.dropFirst()
    if parts.isEmpty || parts.elementsEqual([""]) {
      self = .base
      return
    }
    if parts.elementsEqual(["_catalog"]) {
      self = .catalog
      return
    }
    guard let last = parts.last, parts.count >= 3 else { throw Self.unknown }
    func name(_ count: Int) throws -> RepositoryName {
      try RepositoryName(parsing: parts.dropLast(count).joined(separator: "/"))
    }
    switch parts.dropLast().last {
    case "tags" where last == "list": self = .tags(try name(2))
    case "manifests": self = .manifest(try name(2), last)
    case "referrers": self = .referrers(try name(2), try RegistryError.digest(last))
    case "blobs" where last == "uploads": self = .startUpload(try name(2))
    case "blobs": self = .blob(try name(2), try RegistryError.digest(last))
    case "uploads" where parts.count >= 4 && parts.dropLast(2).last == "blobs":
      self = last.isEmpty ? .startUpload(try name(3)) : .upload(try name(3), id: last)
    default: throw Self.unknown
    }
  }

  var repository: RepositoryName? {
    switch self {
    case .base, .catalog: nil
    case .tags(let name), .referrers(let name, _), .manifest(let name, _), .blob(let name, _), .startUpload(let name),
      .upload(let name, _):
      name
    }
  }

  private static var unknown: RegistryAPI.Refusal {
    RegistryAPI.Refusal(response: RegistryErrorMap.response(.notFound, code: "UNSUPPORTED", "page not found"))
  }
}
