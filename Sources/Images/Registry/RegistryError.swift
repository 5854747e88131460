import Model

/// Why the registry refuses something; callers branch on `code`. The message is written for the user.
public struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: String, Sendable, CaseIterable {
    case nameInvalid, nameUnknown, tagInvalid, digestInvalid, sizeInvalid
    case blobUnknown, manifestUnknown, manifestInvalid, manifestTooLarge
    /// The manifest names blobs or manifests that its repository does not have; `missing` tells which.
    case manifestBlobUnknown
    case uploadUnknown, uploadInvalid, uploadTooLarge
    /// The piece does not begin where the upload ends; `offset` tells where that is.
    case rangeInvalid
    case quotaExceeded, tooManyUploads
    case tagImmutable
    /// The blob cannot be deleted, as a manifest uses it.
    case inUse
    case settingInvalid
  }

  public let code: Code
  public let message: String
  /// For `manifestBlobUnknown`.
  public let missing: [Digest]
  /// For `rangeInvalid`: bytes that the upload has.
  public let offset: Int64

  public init(_ code: Code, _ message: String, missing: [Digest] = [], offset: Int64 = 0) {
    self.code = code
    self.message = message
    self.missing = missing
    self.offset = offset
  }

  /// Whether a rule of the project, or a bound, forbids what the caller might do else.
  public var isRefusal: Bool {
    switch code {
    case .quotaExceeded, .uploadTooLarge, .tooManyUploads, .tagImmutable: true
    default: false
    }
  }

  public var description: String { "\(code.rawValue): \(message)" }

  /// The same as an error that any room understands.
  public var platformError: PlatformError {
    let code: PlatformError.Code =
      switch self.code {
      case .nameUnknown, .blobUnknown, .manifestUnknown, .uploadUnknown, .manifestBlobUnknown: .notFound
      case .quotaExceeded, .tooManyUploads, .manifestTooLarge, .uploadTooLarge: .resourceExhausted
      case .tagImmutable, .inUse: .conflict
      case .nameInvalid, .tagInvalid, .digestInvalid, .sizeInvalid, .manifestInvalid, .uploadInvalid, .rangeInvalid,
        .settingInvalid:
        .invalidArgument
      }
    return PlatformError(code, message, cause: self)
  }

  /// Text from outside, cut and without control characters.
  static func shown(_ text: String) -> String {
    String(text.unicodeScalars.prefix(100).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
  }

  /// A digest from outside; throws `digestInvalid`. SHA-256 and SHA-512 are kept here.
  public static func digest(_ text: String) throws -> Digest {
    do {
      return try Digest(parsing: text, algorithms: DigestAlgorithm.allCases)
    } catch {
      throw RegistryError(
        .digestInvalid,
        "invalid digest '\(shown(text))': expected sha256:<64 lower-case hexadecimal digits> or sha512:<128 of them>")
    }
  }

  static func nameUnknown(_ name: RepositoryName) -> RegistryError {
    RegistryError(.nameUnknown, "repository '\(name)' is not known")
  }

  static func blobUnknown(_ digest: Digest, _ name: RepositoryName) -> RegistryError {
    RegistryError(.blobUnknown, "blob \(digest) is not in repository '\(name)'")
  }

  static func manifestUnknown(_ reference: ManifestReference, _ name: RepositoryName) -> RegistryError {
    RegistryError(.manifestUnknown, "manifest '\(reference)' is not in repository '\(name)'")
  }
}
