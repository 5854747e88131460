import CRIProtocol
import ContainerEngine
import FoundationEssentials
import ImageCatalog
import LinuxSystem
import Model
import RegistryClient

extension CRIService {
  func addImages(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIImages.listImages) { [self] request in
      var response = CRIListImagesResponse()
      let wanted = request.filter.image.image
      response.images =
        try wanted.isEmpty
        ? engine.images().map { ImageWriter.image($0) } : find(wanted).map { [ImageWriter.image($0)] } ?? []
      return response
    }
    handlers.on(CRIImages.imageStatus) { [self] request in
      var response = CRIImageStatusResponse()
      guard let image = try find(request.image.image) else { return response }
      response.image = ImageWriter.image(image)
      return response
    }
    handlers.on(CRIImages.pullImage) { [self] request in try await pull(request) }
    handlers.on(CRIImages.removeImage) { [self] request in
      try await remove(request.image.image)
      return CRIRemoveImageResponse()
    }
    handlers.on(CRIImages.imageFsInfo) { [self] _ in try fileSystems() }
  }

  /// nil for an image that is not there.
  private func find(_ reference: String) throws -> ImageRecord? {
    guard !reference.isEmpty else { throw PlatformError(.invalidArgument, "the image has no name") }
    do {
      return try engine.image(reference)
    } catch let error as PlatformError where error.code == .notFound {
      return nil
    }
  }

  private func pull(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse {
    let reference = try ImageReference(parsing: request.image.image).withDefaultTag
    let permit = try await engine.transfers.enter()
    let found = try await engine.findImage(
      reference, platform: nil, credentials: try ImageReader.credentials(request.auth))
    let pulled = try await engine.pullImage(found) { _ in }
    withExtendedLifetime(permit) {}
    var response = CRIPullImageResponse()
    response.imageRef = pulled.image.id.description
    return response
  }

  /// All names of an image go, and with them the image; one that a container was made from stays.
  private func remove(_ reference: String) async throws {
    guard let image = try find(reference) else { return }
    guard engine.containersUsing(image: image.id) == 0 else {
      throw PlatformError(.conflict, "the image \(image.id.short) is used by a container")
    }
    try await idempotent {
      _ = try await engine.removeImage(image.id.description, force: true, noPrune: false)
    }
  }

  private func fileSystems() throws -> CRIImageFsInfoResponse {
    let usage = try engine.imageUsage()
    var images = CRIFilesystemUsage()
    images.timestamp = Int64(Clock.realTimeNanoseconds())
    images.fsID.mountpoint = engine.configuration.root
    images.usedBytes.value = UInt64(clamping: usage.layersBytes.clampedAdding(usage.contentBytes))
    images.inodesUsed.value = 0
    var containers = images
    containers.usedBytes.value = 0
    var response = CRIImageFsInfoResponse()
    response.imageFilesystems = [images]
    response.containerFilesystems = [containers]
    return response
  }
}

enum ImageReader {
  static func credentials(_ auth: CRIAuthConfig) throws -> RegistryCredentials {
    if !auth.registryToken.isEmpty { return .bearer(auth.registryToken) }
    if !auth.identityToken.isEmpty { return .identityToken(auth.identityToken) }
    if !auth.username.isEmpty { return .password(user: auth.username, password: auth.password) }
    guard !auth.auth.isEmpty else { return .anonymous }
    guard let data = Data(base64Encoded: auth.auth), let text = String(validating: data, as: UTF8.self),
      let colon = text.firstIndex(of: ":")
    else { throw PlatformError(.invalidArgument, "auth.auth is not USER:PASSWORD in base64") }
    return .password(user: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
  }
}

/// The engine's images → the wire's form.
enum ImageWriter {
  static func image(_ record: ImageRecord) -> CRIImage {
    var image = CRIImage()
    image.id = record.id.description
    image.repoTags = record.repoTags.map(full)
    image.repoDigests = record.repoDigests.map(full)
    image.size = UInt64(clamping: record.sizeBytes)
    let user = String((record.config.config?.user ?? "").prefix { $0 != ":" })
    if let uid = Int64(user) {
      image.uid.value = uid
    } else if user.isEmpty {
      image.uid.value = 0
    } else {
      image.username = user
    }
    return image
  }

  /// docker's short form of a name as the interface has it: with its registry.
  static func full(_ name: String) -> String { (try? ImageReference(parsing: name).description) ?? name }
}
