/// What `system df --verbose` shows: each image, container and volume with its size.
struct DiskUseDetails {
  private let answer: JSONValue

  init(_ answer: JSONValue) { self.answer = answer }

  func show(format: String?) throws(ClientError) {
    guard format == nil else { throw ClientError.usage("system df: --verbose and --format exclude each other") }
    for (title, listing) in [("Images", images), ("Containers", containers), ("Volumes", volumes)] {
      print("\(title):\n\n\(try listing.text(format: nil, quiet: false))")
    }
  }

  private var images: Listing {
    var listing = Listing(
      [
        ("IMAGE", "Image"), ("ID", "ID"), ("SIZE", "Size"), ("SHARED", "Shared"), ("OWN", "Own"),
        ("CONTAINERS", "Users"),
      ],
      identity: "ID")
    for image in answer["Images"].items {
      let size = image["Size"].int ?? 0
      let shared = max(image["SharedSize"].int ?? 0, 0)
      listing.add([
        ("Image", image["RepoTags"].items.first?.string ?? "<none>"),
        ("ID", String(image.text("Id").drop { $0 != ":" }.dropFirst().prefix(12))), ("Size", Units.decimalSize(size)),
        ("Shared", Units.decimalSize(shared)), ("Own", Units.decimalSize(size - shared)),
        ("Users", String(image["Containers"].int ?? 0)),
      ])
    }
    return listing
  }

  private var containers: Listing {
    var listing = Listing(
      [("CONTAINER", "ID"), ("IMAGE", "Image"), ("SIZE", "Size"), ("STATUS", "Status"), ("NAME", "Name")],
      identity: "ID")
    for container in answer["Containers"].items {
      listing.add([
        ("ID", String(container.text("Id").prefix(12))), ("Image", container.text("Image")),
        ("Size", Units.decimalSize(container["SizeRw"].int ?? 0)), ("Status", container.text("Status")),
        ("Name", String((container["Names"].items.first?.string ?? "").drop { $0 == "/" })),
      ])
    }
    return listing
  }

  private var volumes: Listing {
    var columns = [("VOLUME", "Name"), ("CONTAINERS", "Links"), ("SIZE", "Size")]
    if answer["Volumes"].items.contains(where: { $0["Status"]["LimitBytes"].int != nil }) {
      columns.append(("LIMIT", "Limit"))
    }
    var listing = Listing(columns, identity: "Name")
    for volume in answer["Volumes"].items {
      listing.add([
        ("Name", volume.text("Name")), ("Links", String(volume["UsageData"]["RefCount"].int ?? 0)),
        ("Size", Units.decimalSize(max(volume["UsageData"]["Size"].int ?? 0, 0))),
        ("Limit", volume["Status"]["LimitBytes"].int.map { Units.decimalSize($0) } ?? ""),
      ])
    }
    return listing
  }
}
