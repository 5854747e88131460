import ContainerEngine
import LinuxSystem
import Model

/// Entries of `GET /containers/json`.
enum ContainerSummary {
  /// An entry's text around its `Status`, which changes with the clock while the rest does not.
  struct Encoded: Sendable {
    var revision: UInt64
    var image: String
    var head: [UInt8]
    var tail: [UInt8]
  }

  /// Encodes all but the status. `image` is what the client is shown for the image.
  static func encode(_ view: ContainerView, image: String, networkID: (String) -> String) -> Encoded {
    let record = view.record
    var writer = JSONWriter(capacity: 2_048)
    var split = 0
    writer.object { writer in
      writer.field("Id", record.id.hex)
      writer.field("Names", ["/" + record.name])
      writer.field("Image", image)
      writer.field("ImageID", record.imageID.description)
      writer.field("Command", ContainerWords.command(record.arguments))
      writer.field("Created", record.createdAt / 1_000_000_000)
      writer.portList(record)
      writer.field("Labels", record.labels)
      writer.field("State", record.run.status.rawValue)
      writer.name("Status")
      split = writer.bytes.count
      writer.encoded([])
      writer.object("HostConfig") { writer in
        writer.field("NetworkMode", ContainerWords.networkMode(record.settings.host.networkMode))
        if !record.settings.host.annotations.isEmpty { writer.field("Annotations", record.settings.host.annotations) }
      }
      writer.object("NetworkSettings") { $0.networks(record, networkID: networkID) }
      writer.mounts(record.mounts)
    }
    return Encoded(
      revision: view.revision, image: image, head: Array(writer.bytes[..<split]), tail: Array(writer.bytes[split...]))
  }

  /// An entry as sent. `sizes` are given where the client asked for them.
  static func write(
    _ entry: Encoded, status: String, sizes: (writable: Int64, root: Int64)?, into bytes: inout [UInt8]
  ) {
    bytes += entry.head
    var text = JSONWriter(capacity: 64)
    text.value(status)
    bytes += text.bytes
    guard let sizes else {
      bytes += entry.tail
      return
    }
    bytes += entry.tail.dropLast()
    // As docker does, a size of zero is left out.
    if sizes.writable != 0 { bytes += ",\"SizeRw\":\(sizes.writable)".utf8 }
    if sizes.root != 0 { bytes += ",\"SizeRootFs\":\(sizes.root)".utf8 }
    bytes.append(UInt8(ascii: "}"))
  }
}

/// Keeps the encoded entry of each container until the container changes, so that a list costs little.
final class ContainerSummaryCache: Sendable {
  private let entries = Locked<[ContainerID: ContainerSummary.Encoded]>([:])
  /// Entries of containers that are gone are thrown out when there are this many more than containers.
  private static let slack = 64

  /// The kept entry, or the one that `encode` makes for the image's name. It takes what identifies a container instead of
  /// the container, because copying one costs more than all the rest.
  func entry(
    _ id: ContainerID, revision: UInt64, image: String, encode: (String) -> ContainerSummary.Encoded
  ) -> ContainerSummary.Encoded {
    let known = entries.withLock { $0[id] }
    if let known, known.revision == revision, known.image == image { return known }
    let entry = encode(image)
    entries.withLock { $0[id] = entry }
    return entry
  }

  func trim(to views: [ContainerView]) {
    entries.withLock { entries in
      guard entries.count > views.count + Self.slack else { return }
      let alive = Set(views.map(\.record.id))
      entries = entries.filter { alive.contains($0.key) }
    }
  }
}
