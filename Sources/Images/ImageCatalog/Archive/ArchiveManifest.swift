import Model
import OCITypes

/// One image of `manifest.json` in an archive of `docker save`.
struct ArchiveManifestItem: Codable, Sendable {
  var config: String
  var repoTags: [String]?
  var layers: [String]

  enum CodingKeys: String, CodingKey {
    case config = "Config"
    case repoTags = "RepoTags"
    case layers = "Layers"
  }

  static let fileName = "manifest.json"
  static let maximumImages = 1_000
  static let maximumTags = 1_000
}

/// The file that marks an OCI image layout (OCI image specification, image-layout.md).
struct OCILayoutMarker: Codable, Sendable {
  var imageLayoutVersion = "1.0.0"
  static let fileName = "oci-layout"
  static let indexName = "index.json"
}
