import FoundationEssentials
import Model

/// One change of files that belongs to a transaction. It is written to the database with it and done afterwards, and done
/// again at a start after a crash; so doing it twice, or after later ones of the same log, has to end the same.
enum FileChange: Codable, Sendable, Equatable {
  /// A small blob, its bytes with it.
  case place(Digest, Data)
  /// A blob that lies flushed under an upload's name.
  case adopt(upload: String, Digest, sizeBytes: Int64)
  /// The blob has no record any more.
  case discard(Digest)
  case manifest(repository: String, Digest, ManifestFile)
  case removeManifest(repository: String, Digest)
  case tag(repository: String, String, TagRecord)
  case removeTag(repository: String, String)
  case settings(project: String, ProjectSettings)
  case removeProject(String)
  case removeRepository(String)

  /// Bytes that the change costs in the log, about.
  var costBytes: Int {
    if case .place(_, let data) = self { return data.count + 256 }
    return 256
  }
}

/// What the files tell of a manifest beside its content.
struct ManifestFile: Codable, Sendable, Equatable {
  var mediaType: String
  var pushedAt: Int64
  var pushedBy: String
}
