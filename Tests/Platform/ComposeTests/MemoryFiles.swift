import Compose

/// Files in memory. Those in `escaping` stand for symbolic links that lead out of every folder.
struct MemoryFiles: ComposeReader {
  var files: [String: String] = [:]
  var escaping: Set<String> = []

  func read(_ path: String, beneath root: String?, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8] {
    if root != nil, escaping.contains(path) { throw .escapes }
    guard let text = files[path] else { throw .notFound }
    guard text.utf8.count <= maximumBytes else { throw .tooLarge }
    return Array(text.utf8)
  }
}
