import ContentStore
import FoundationEssentials
import LinuxSystem
import Model

/// Content on its way in, over one request or several. Small content stays in memory until it is complete; other content,
/// and what was acknowledged piece by piece, lies in a file that outlives the process.
///
/// One request at a time uses it, between `begin` and `end`.
public final class UploadSession: Sendable {
  private struct State {
    var memory: [UInt8] = []
    var file: ResumableFile?
    var isBusy = false
    var isOver = false
    var touchedAt: Int64
    var limitBytes: Int64 = 0
    /// Bytes of a file that an earlier process left and that nobody has opened yet.
    var restingBytes: Int64?
  }

  public let id: String
  public let repository: RepositoryName
  /// Of its project, when it began.
  let epoch: ProjectEpoch
  public let startedAt: Int64
  private let files: RegistryFiles
  private let configuration: RegistryConfiguration
  private let state: Locked<State>

  init(
    id: String, repository: RepositoryName, epoch: ProjectEpoch, startedAt: Int64, touchedAt: Int64? = nil,
    restingBytes: Int64? = nil, files: RegistryFiles, configuration: RegistryConfiguration
  ) {
    self.id = id
    self.repository = repository
    self.epoch = epoch
    self.startedAt = startedAt
    self.files = files
    self.configuration = configuration
    state = Locked(State(touchedAt: touchedAt ?? configuration.now(), restingBytes: restingBytes))
  }

  /// Bytes that have come.
  public var sizeBytes: Int64 { state.withLock { Self.size($0) } }

  var touchedAt: Int64 { state.withLock { $0.touchedAt } }

  /// Takes the session for a request. Throws `RegistryError`: `uploadInvalid` while another request has it,
  /// `uploadUnknown` once it is over, `rangeInvalid` where the piece would not begin at the upload's end.
  func begin(at offset: Int64?, limitBytes: Int64) throws {
    try state.withLock { state in
      guard !state.isOver else { throw unknown }
      guard !state.isBusy else {
        throw RegistryError(.uploadInvalid, "upload '\(id)' is being written to by another request")
      }
      let size = Self.size(state)
      if let offset, offset != size {
        throw RegistryError(
          .rangeInvalid, "the piece begins at byte \(offset), but upload '\(id)' goes on at byte \(size)", offset: size)
      }
      if state.restingBytes != nil {
        // Hashes what is there, so it takes its time; the session is this request's alone.
        state.file = try ResumableFile(resuming: files.upload(id))
        state.restingBytes = nil
      }
      state.isBusy = true
      state.limitBytes = limitBytes
      state.touchedAt = configuration.now()
    }
  }

  /// Adds bytes. Throws `RegistryError` (`uploadTooLarge`), `PlatformError` (`resourceExhausted`) while the disk is full.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    try files.reserve.require()
    try state.withLock { state in
      guard state.isBusy, !state.isOver else { throw unknown }
      let size = Self.size(state)
      guard Int64(bytes.count) <= state.limitBytes - size else {
        throw RegistryError(
          .uploadTooLarge,
          "the upload has more than the \(state.limitBytes) bytes that are allowed or left of the quota")
      }
      if state.file == nil, state.memory.count + bytes.count > configuration.smallBlobBytes { try spill(&state) }
      if let file = state.file { try file.append(bytes) } else { state.memory.append(contentsOf: bytes) }
    }
  }

  /// Makes what has come outlive the process, as it is about to be acknowledged.
  public func persist() throws {
    try state.withLock { state in
      if state.file == nil, !state.isOver { try spill(&state) }
    }
  }

  /// Gives the session back. What is neither finished nor persisted was acknowledged to nobody and goes, so that memory
  /// holds only what requests under way have brought.
  public func end() {
    state.withLock { state in
      state.isBusy = false
      state.memory = []
      state.touchedAt = configuration.now()
      state.file?.suspend()
    }
  }

  /// What has come, ready to be stored.
  enum Complete: Sendable {
    case memory([UInt8], Digest)
    /// Flushed, below `uploads`.
    case file(Digest, sizeBytes: Int64)
  }

  func complete(expected: Digest) throws -> Complete {
    try state.withLock { state in
      guard state.isBusy, !state.isOver else { throw unknown }
      if let file = state.file {
        let digest = try file.digest(by: expected.algorithm)
        if digest == expected { try file.flush() }
        return .file(digest, sizeBytes: file.sizeBytes)
      }
      return .memory(state.memory, ContentHasher.digest(of: state.memory, by: expected.algorithm))
    }
  }

  /// Ends the session; true where it leaves a file.
  func close() -> Bool {
    state.withLock { state in
      let hasFile = state.file != nil || state.restingBytes != nil
      state.isOver = true
      state.file = nil
      state.restingBytes = nil
      state.memory = []
      return hasFile
    }
  }

  var isBusy: Bool { state.withLock { $0.isBusy } }

  private var unknown: RegistryError { RegistryError(.uploadUnknown, "upload '\(id)' is not known or is over") }

  private static func size(_ state: borrowing State) -> Int64 {
    state.restingBytes ?? state.file?.sizeBytes ?? Int64(state.memory.count)
  }

  private func spill(_ state: inout State) throws {
    let file = try ResumableFile(creating: files.upload(id))
    do {
      let record = UploadFile(repository: repository.description, startedAt: startedAt)
      try files.write(record, to: FileSystem.parent(of: file.path), id + ".json")
      try state.memory.withUnsafeBytes { try file.append($0) }
    } catch {
      // As on a full disk: the session goes on without it, so nobody else would remove it.
      try? files.removeUpload(id)
      throw error
    }
    state.file = file
    state.memory = []
  }
}

/// What lies beside an upload's content.
struct UploadFile: Codable, Sendable {
  var repository: String
  var startedAt: Int64
}
