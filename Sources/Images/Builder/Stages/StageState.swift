import ContentStore
import Model
import OCITypes

/// What a stage has become so far.
struct StageState: Sendable {
  var config: ImageConfig
  var layers: [ContentDescriptor]
  /// Lowest first.
  var chainIDs: [Digest]

  var execution: ImageExecution {
    get { config.config ?? ImageExecution() }
    set { config.config = newValue }
  }

  /// Names the content of the layers.
  var chainKey: String { chainIDs.last?.description ?? "scratch" }

  var workingDirectory: String {
    let directory = execution.workingDir ?? ""
    return directory.isEmpty ? "/" : directory
  }

  var shell: [String] { execution.shell.flatMap { $0.isEmpty ? nil : $0 } ?? ["/bin/sh", "-c"] }
}

/// Makes a key from parts, each with its length, so that no two lists read alike.
struct StepKey {
  private var hasher = ContentHasher()

  init(_ kind: String) { add("bulkhead-build-1:\(kind)") }

  mutating func add(_ text: String) { add(Array(text.utf8)) }

  mutating func add(_ texts: [String]) {
    add("\(texts.count)")
    for text in texts { add(text) }
  }

  mutating func add(_ bytes: [UInt8]) {
    let length = Array("\(bytes.count):".utf8)
    length.withUnsafeBytes { hasher.update($0) }
    bytes.withUnsafeBytes { hasher.update($0) }
  }

  func digest() -> Digest { hasher.digest() }
}
