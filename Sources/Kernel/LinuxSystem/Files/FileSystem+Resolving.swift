import Glibc

extension FileSystem {
  /// Links that one path may lead through. Source: path_resolution(7).
  private static let maxLinks = 40

  /// Where a path leads: absolute, without links and dots. What is not there, and what comes after too many links, is taken as it is
  /// written, so that a path can be judged before anything is. For judging only: opening it walks once more. Blocks.
  public static func resolved(_ path: String) -> String {
    var waiting: [String] = path.split(separator: "/").reversed().map(String.init)
    var current: [String] = []
    var links = 0
    while let name = waiting.popLast() {
      if name == "." { continue }
      if name == ".." {
        _ = current.popLast()
        continue
      }
      let next = "/" + (current + [name]).joined(separator: "/")
      let found = try? Descriptor.open(next, flags: O_PATH | O_NOFOLLOW)
      guard links < maxLinks, let found, (try? found.status().type) == .symbolicLink, let target = try? found.readLink()
      else {
        current.append(name)
        continue
      }
      links += 1
      if target.hasPrefix("/") { current = [] }
      waiting += target.split(separator: "/").reversed().map(String.init)
    }
    return "/" + current.joined(separator: "/")
  }
}
