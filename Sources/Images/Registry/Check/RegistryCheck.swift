import Model

/// What a check of a registry found.
public struct RegistryCheck: Sendable, Equatable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// A blob's file is missing, has another size, or (in a thorough check) other bytes.
    case blobMissing, blobDamaged
    /// A file without a record.
    case blobUnrecorded
    /// A manifest names what its repository does not have.
    case manifestIncomplete
    /// The file of a manifest cannot be read as one.
    case manifestUnreadable
    /// Records and files differ.
    case recordsDiffer
    /// An upload's file that no upload knows.
    case uploadLeftOver
  }

  public struct Finding: Sendable, Equatable, Codable {
    public let kind: Kind
    /// What it is about: a digest, a repository, a record.
    public let subject: String
    public let detail: String
    public var isRepaired = false
  }

  public static let maximumFindings = 10_000

  public var findings: [Finding] = []
  /// Findings beyond `maximumFindings`.
  public var furtherFindings = 0
  public var blobs = 0
  public var manifests = 0

  public var isClean: Bool { findings.isEmpty && furtherFindings == 0 }

  mutating func add(_ kind: Kind, _ subject: String, _ detail: String, isRepaired: Bool = false) {
    guard findings.count < Self.maximumFindings else {
      furtherFindings += 1
      return
    }
    findings.append(Finding(kind: kind, subject: subject, detail: detail, isRepaired: isRepaired))
  }
}
