/// One end of a copy: a path of this machine, one in a container, or standard input or output.
enum CopyEnd: Equatable {
  case stream
  case local(String)
  case inside(container: String, path: String)

  /// `-`, `CONTAINER:PATH`, or a local path; one that has a colon is written with `/` or `.` at its start, as for docker cp.
  init(parsing text: String) {
    if text == "-" {
      self = .stream
    } else if !text.hasPrefix("/"), !text.hasPrefix("."), let (name, path) = splitOnce(text, ":"), !name.isEmpty {
      self = .inside(container: name, path: path)
    } else {
      self = .local(text)
    }
  }
}

/// What is at the target of a copy.
enum CopyTarget: Equatable { case missing, directory, file }

/// Where a copy goes: a folder that is there, and the name in it; nil for the contents of the source in the folder itself.
struct CopyPlace: Equatable {
  let folder: String
  let name: String?

  /// By docker's rules for cp.
  /// - Parameters:
  ///   - source: `…/.` stands for the contents of a directory.
  ///   - sourceName: the last component of the source.
  static func decide(
    source: String, sourceName: String, isDirectory: Bool, target: String, holds existing: CopyTarget
  ) throws(ClientError) -> CopyPlace {
    let isContents = isDirectory && (source == "." || source.hasSuffix("/."))
    switch existing {
    case .directory: return CopyPlace(folder: target, name: isContents ? nil : sourceName)
    case .file where isDirectory: throw ClientError("cannot copy a directory to '\(target)', which is a file")
    case .missing where !isDirectory && target.hasSuffix("/"):
      throw ClientError("there is no directory '\(target)'")
    case .file, .missing:
      let (folder, name) = split(target)
      return CopyPlace(folder: folder, name: name)
    }
  }

  /// The folder and the last component of a path, slashes at the end not counted.
  static func split(_ path: String) -> (folder: String, name: String) {
    var path = path[...]
    while path.count > 1, path.last == "/" { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return (".", String(path)) }
    let folder = path[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
  }

  /// An archive's name with its first component replaced.
  static func renamed(_ name: [UInt8], to first: [UInt8]?) -> [UInt8] {
    guard let first else { return name }
    let rest = name.drop { $0 == UInt8(ascii: "/") }.drop { $0 != UInt8(ascii: "/") }
    return first + rest
  }
}
