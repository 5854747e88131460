import ContentStore
import Glibc
import LinuxSystem
import Model

/// What the host's apt knows: where packages come from, and through which proxy.
struct HostApt {
  /// One repository in the words of sources.list(5).
  struct Source: Hashable {
    var uri: String
    var release: String
    var components: [String]

    var line: String { "deb \(uri) \(release) \(components.joined(separator: " "))" }
  }

  private static let deadlineSeconds = 120.0
  private static let helper = "/usr/lib/apt/apt-helper"
  /// Parts of a suite that belong together.
  private static let pockets = ["", "-updates", "-security"]

  let scratch: String

  /// The host's own repositories of a suite; Debian's main mirror where it has none.
  func sources(suite: String) throws -> [Source] {
    let format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    let text = try run(
      "/usr/bin/apt-get", ["indextargets", "--format", format, "Created-By: Packages"], "read the sources of apt")
    var sources: [Source] = []
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, Self.pockets.contains(where: { suite + $0 == parts[1] }) else { continue }
      if let index = sources.firstIndex(where: { $0.uri == parts[0] && $0.release == parts[1] }) {
        if !sources[index].components.contains(parts[2]) { sources[index].components.append(parts[2]) }
      } else {
        sources.append(Source(uri: parts[0], release: parts[1], components: [parts[2]]))
      }
    }
    if sources.contains(where: { $0.release == suite }) { return sources }
    return [Source(uri: "http://deb.debian.org/debian/", release: suite, components: ["main"])]
  }

  /// Seconds since 1970 of the newest Release file of the repositories.
  func releaseTime(_ sources: [Source]) throws -> Int64 {
    var newest: Int64 = 0
    for (index, source) in sources.enumerated() {
      let file = "\(scratch)/InRelease.\(index)"
      let base = source.uri.hasSuffix("/") ? source.uri : source.uri + "/"
      let uri = "\(base)dists/\(source.release)/InRelease"
      _ = try run(Self.helper, ["download-file", uri, file], "fetch \(uri)")
      let text = try translatingSystemErrors("read the release file") {
        String(decoding: try FileSystem.read(file, maxBytes: 4 << 20), as: UTF8.self)
      }
      guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Date:") }),
        let time = Self.seconds(String(line.dropFirst(5)))
      else { throw PlatformError(.unavailable, "the release file \(uri) has no date") }
      newest = max(newest, time)
    }
    return newest
  }

  /// Proxies of the host's apt as environment variables.
  func proxies() throws -> [String] {
    let text = try run(
      "/usr/bin/apt-config", ["dump", "--format", "%f %v%n", "Acquire"], "read the configuration of apt")
    return ["http", "https"].compactMap { scheme in
      let key = "Acquire::\(scheme)::Proxy "
      guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return nil }
      let value = line.dropFirst(key.count)
      return value.isEmpty || value == "DIRECT" ? nil : "\(scheme)_proxy=\(value)"
    }
  }

  private func run(_ program: String, _ arguments: [String], _ action: String) throws -> String {
    let request = ProcessRequest(
      executable: program, arguments: [program] + arguments,
      environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"])
    let output: ProcessOutput
    do {
      output = try LinuxProcessSpawner().run(request, deadlineSeconds: Self.deadlineSeconds)
    } catch let error as SystemError where error.errno == ENOENT {
      throw PlatformError(.unavailable, "\(program) is missing: images from packages need a Debian host", cause: error)
    } catch let error as SystemError {
      throw platformError(action, error)
    }
    guard output.status.isSuccess else {
      let words = String(decoding: output.stderr.suffix(1_000), as: UTF8.self).split(separator: "\n").last ?? ""
      throw PlatformError(.unavailable, "failed to \(action): \(words)")
    }
    return String(decoding: output.stdout, as: UTF8.self)
  }

  /// `Sat, 11 Jan 2025 10:02:03 UTC` (RFC 1123 as in Release files).
  static func seconds(_ text: String) -> Int64? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 6, let day = Int(words[1]), let month = months.firstIndex(of: String(words[2])),
      let year = Int(words[3]), words[5] == "UTC" || words[5] == "GMT" || words[5] == "+0000"
    else { return nil }
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return ImageTimestamp.nanoseconds("\(year)-\(two(month + 1))-\(two(day))T\(words[4])Z").map { $0 / 1_000_000_000 }
  }
}
