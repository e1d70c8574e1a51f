package dev.sightline.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Sessions and their logs.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class SessionServiceGrpc {

  private SessionServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "sightline.v1.SessionService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.CreateRequest,
      dev.sightline.v1.CreateResponse> getCreateMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Create",
      requestType = dev.sightline.v1.CreateRequest.class,
      responseType = dev.sightline.v1.CreateResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.CreateRequest,
      dev.sightline.v1.CreateResponse> getCreateMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.CreateRequest, dev.sightline.v1.CreateResponse> getCreateMethod;
    if ((getCreateMethod = SessionServiceGrpc.getCreateMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getCreateMethod = SessionServiceGrpc.getCreateMethod) == null) {
          SessionServiceGrpc.getCreateMethod = getCreateMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.CreateRequest, dev.sightline.v1.CreateResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Create"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.CreateRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.CreateResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Create"))
              .build();
        }
      }
    }
    return getCreateMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.GetRequest,
      dev.sightline.v1.GetResponse> getGetMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Get",
      requestType = dev.sightline.v1.GetRequest.class,
      responseType = dev.sightline.v1.GetResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.GetRequest,
      dev.sightline.v1.GetResponse> getGetMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.GetRequest, dev.sightline.v1.GetResponse> getGetMethod;
    if ((getGetMethod = SessionServiceGrpc.getGetMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getGetMethod = SessionServiceGrpc.getGetMethod) == null) {
          SessionServiceGrpc.getGetMethod = getGetMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.GetRequest, dev.sightline.v1.GetResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Get"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.GetRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.GetResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Get"))
              .build();
        }
      }
    }
    return getGetMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ListRequest,
      dev.sightline.v1.ListResponse> getListMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "List",
      requestType = dev.sightline.v1.ListRequest.class,
      responseType = dev.sightline.v1.ListResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ListRequest,
      dev.sightline.v1.ListResponse> getListMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ListRequest, dev.sightline.v1.ListResponse> getListMethod;
    if ((getListMethod = SessionServiceGrpc.getListMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getListMethod = SessionServiceGrpc.getListMethod) == null) {
          SessionServiceGrpc.getListMethod = getListMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ListRequest, dev.sightline.v1.ListResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "List"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("List"))
              .build();
        }
      }
    }
    return getListMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.DiscoverRequest,
      dev.sightline.v1.DiscoverResponse> getDiscoverMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Discover",
      requestType = dev.sightline.v1.DiscoverRequest.class,
      responseType = dev.sightline.v1.DiscoverResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.DiscoverRequest,
      dev.sightline.v1.DiscoverResponse> getDiscoverMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.DiscoverRequest, dev.sightline.v1.DiscoverResponse> getDiscoverMethod;
    if ((getDiscoverMethod = SessionServiceGrpc.getDiscoverMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getDiscoverMethod = SessionServiceGrpc.getDiscoverMethod) == null) {
          SessionServiceGrpc.getDiscoverMethod = getDiscoverMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.DiscoverRequest, dev.sightline.v1.DiscoverResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Discover"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.DiscoverRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.DiscoverResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Discover"))
              .build();
        }
      }
    }
    return getDiscoverMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.SendRequest,
      dev.sightline.v1.SendResponse> getSendMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Send",
      requestType = dev.sightline.v1.SendRequest.class,
      responseType = dev.sightline.v1.SendResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.SendRequest,
      dev.sightline.v1.SendResponse> getSendMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.SendRequest, dev.sightline.v1.SendResponse> getSendMethod;
    if ((getSendMethod = SessionServiceGrpc.getSendMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getSendMethod = SessionServiceGrpc.getSendMethod) == null) {
          SessionServiceGrpc.getSendMethod = getSendMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.SendRequest, dev.sightline.v1.SendResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Send"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SendRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SendResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Send"))
              .build();
        }
      }
    }
    return getSendMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.InterruptRequest,
      dev.sightline.v1.InterruptResponse> getInterruptMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Interrupt",
      requestType = dev.sightline.v1.InterruptRequest.class,
      responseType = dev.sightline.v1.InterruptResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.InterruptRequest,
      dev.sightline.v1.InterruptResponse> getInterruptMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.InterruptRequest, dev.sightline.v1.InterruptResponse> getInterruptMethod;
    if ((getInterruptMethod = SessionServiceGrpc.getInterruptMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getInterruptMethod = SessionServiceGrpc.getInterruptMethod) == null) {
          SessionServiceGrpc.getInterruptMethod = getInterruptMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.InterruptRequest, dev.sightline.v1.InterruptResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Interrupt"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.InterruptRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.InterruptResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Interrupt"))
              .build();
        }
      }
    }
    return getInterruptMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ResizeRequest,
      dev.sightline.v1.ResizeResponse> getResizeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Resize",
      requestType = dev.sightline.v1.ResizeRequest.class,
      responseType = dev.sightline.v1.ResizeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ResizeRequest,
      dev.sightline.v1.ResizeResponse> getResizeMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ResizeRequest, dev.sightline.v1.ResizeResponse> getResizeMethod;
    if ((getResizeMethod = SessionServiceGrpc.getResizeMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getResizeMethod = SessionServiceGrpc.getResizeMethod) == null) {
          SessionServiceGrpc.getResizeMethod = getResizeMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ResizeRequest, dev.sightline.v1.ResizeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Resize"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ResizeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ResizeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Resize"))
              .build();
        }
      }
    }
    return getResizeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.TerminateRequest,
      dev.sightline.v1.TerminateResponse> getTerminateMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Terminate",
      requestType = dev.sightline.v1.TerminateRequest.class,
      responseType = dev.sightline.v1.TerminateResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.TerminateRequest,
      dev.sightline.v1.TerminateResponse> getTerminateMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.TerminateRequest, dev.sightline.v1.TerminateResponse> getTerminateMethod;
    if ((getTerminateMethod = SessionServiceGrpc.getTerminateMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getTerminateMethod = SessionServiceGrpc.getTerminateMethod) == null) {
          SessionServiceGrpc.getTerminateMethod = getTerminateMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.TerminateRequest, dev.sightline.v1.TerminateResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Terminate"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.TerminateRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.TerminateResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Terminate"))
              .build();
        }
      }
    }
    return getTerminateMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ReleaseRequest,
      dev.sightline.v1.ReleaseResponse> getReleaseMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Release",
      requestType = dev.sightline.v1.ReleaseRequest.class,
      responseType = dev.sightline.v1.ReleaseResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ReleaseRequest,
      dev.sightline.v1.ReleaseResponse> getReleaseMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ReleaseRequest, dev.sightline.v1.ReleaseResponse> getReleaseMethod;
    if ((getReleaseMethod = SessionServiceGrpc.getReleaseMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getReleaseMethod = SessionServiceGrpc.getReleaseMethod) == null) {
          SessionServiceGrpc.getReleaseMethod = getReleaseMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ReleaseRequest, dev.sightline.v1.ReleaseResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Release"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ReleaseRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ReleaseResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Release"))
              .build();
        }
      }
    }
    return getReleaseMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.DeleteRequest,
      dev.sightline.v1.DeleteResponse> getDeleteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Delete",
      requestType = dev.sightline.v1.DeleteRequest.class,
      responseType = dev.sightline.v1.DeleteResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.DeleteRequest,
      dev.sightline.v1.DeleteResponse> getDeleteMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.DeleteRequest, dev.sightline.v1.DeleteResponse> getDeleteMethod;
    if ((getDeleteMethod = SessionServiceGrpc.getDeleteMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getDeleteMethod = SessionServiceGrpc.getDeleteMethod) == null) {
          SessionServiceGrpc.getDeleteMethod = getDeleteMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.DeleteRequest, dev.sightline.v1.DeleteResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Delete"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.DeleteRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.DeleteResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Delete"))
              .build();
        }
      }
    }
    return getDeleteMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.SubscribeRequest,
      dev.sightline.v1.SubscribeResponse> getSubscribeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Subscribe",
      requestType = dev.sightline.v1.SubscribeRequest.class,
      responseType = dev.sightline.v1.SubscribeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.SubscribeRequest,
      dev.sightline.v1.SubscribeResponse> getSubscribeMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.SubscribeRequest, dev.sightline.v1.SubscribeResponse> getSubscribeMethod;
    if ((getSubscribeMethod = SessionServiceGrpc.getSubscribeMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getSubscribeMethod = SessionServiceGrpc.getSubscribeMethod) == null) {
          SessionServiceGrpc.getSubscribeMethod = getSubscribeMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.SubscribeRequest, dev.sightline.v1.SubscribeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Subscribe"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SubscribeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SubscribeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Subscribe"))
              .build();
        }
      }
    }
    return getSubscribeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ListEventsRequest,
      dev.sightline.v1.ListEventsResponse> getListEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListEvents",
      requestType = dev.sightline.v1.ListEventsRequest.class,
      responseType = dev.sightline.v1.ListEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ListEventsRequest,
      dev.sightline.v1.ListEventsResponse> getListEventsMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ListEventsRequest, dev.sightline.v1.ListEventsResponse> getListEventsMethod;
    if ((getListEventsMethod = SessionServiceGrpc.getListEventsMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getListEventsMethod = SessionServiceGrpc.getListEventsMethod) == null) {
          SessionServiceGrpc.getListEventsMethod = getListEventsMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ListEventsRequest, dev.sightline.v1.ListEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("ListEvents"))
              .build();
        }
      }
    }
    return getListEventsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.SnapshotRequest,
      dev.sightline.v1.SnapshotResponse> getSnapshotMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Snapshot",
      requestType = dev.sightline.v1.SnapshotRequest.class,
      responseType = dev.sightline.v1.SnapshotResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.SnapshotRequest,
      dev.sightline.v1.SnapshotResponse> getSnapshotMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.SnapshotRequest, dev.sightline.v1.SnapshotResponse> getSnapshotMethod;
    if ((getSnapshotMethod = SessionServiceGrpc.getSnapshotMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getSnapshotMethod = SessionServiceGrpc.getSnapshotMethod) == null) {
          SessionServiceGrpc.getSnapshotMethod = getSnapshotMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.SnapshotRequest, dev.sightline.v1.SnapshotResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Snapshot"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SnapshotRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SnapshotResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Snapshot"))
              .build();
        }
      }
    }
    return getSnapshotMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.SearchRequest,
      dev.sightline.v1.SearchResponse> getSearchMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Search",
      requestType = dev.sightline.v1.SearchRequest.class,
      responseType = dev.sightline.v1.SearchResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.SearchRequest,
      dev.sightline.v1.SearchResponse> getSearchMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.SearchRequest, dev.sightline.v1.SearchResponse> getSearchMethod;
    if ((getSearchMethod = SessionServiceGrpc.getSearchMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getSearchMethod = SessionServiceGrpc.getSearchMethod) == null) {
          SessionServiceGrpc.getSearchMethod = getSearchMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.SearchRequest, dev.sightline.v1.SearchResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Search"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SearchRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.SearchResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Search"))
              .build();
        }
      }
    }
    return getSearchMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.PublishRequest,
      dev.sightline.v1.PublishResponse> getPublishMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Publish",
      requestType = dev.sightline.v1.PublishRequest.class,
      responseType = dev.sightline.v1.PublishResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.PublishRequest,
      dev.sightline.v1.PublishResponse> getPublishMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.PublishRequest, dev.sightline.v1.PublishResponse> getPublishMethod;
    if ((getPublishMethod = SessionServiceGrpc.getPublishMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getPublishMethod = SessionServiceGrpc.getPublishMethod) == null) {
          SessionServiceGrpc.getPublishMethod = getPublishMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.PublishRequest, dev.sightline.v1.PublishResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Publish"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.PublishRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.PublishResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Publish"))
              .build();
        }
      }
    }
    return getPublishMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.AnswerRequest,
      dev.sightline.v1.AnswerResponse> getAnswerMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Answer",
      requestType = dev.sightline.v1.AnswerRequest.class,
      responseType = dev.sightline.v1.AnswerResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.AnswerRequest,
      dev.sightline.v1.AnswerResponse> getAnswerMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.AnswerRequest, dev.sightline.v1.AnswerResponse> getAnswerMethod;
    if ((getAnswerMethod = SessionServiceGrpc.getAnswerMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getAnswerMethod = SessionServiceGrpc.getAnswerMethod) == null) {
          SessionServiceGrpc.getAnswerMethod = getAnswerMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.AnswerRequest, dev.sightline.v1.AnswerResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Answer"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.AnswerRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.AnswerResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Answer"))
              .build();
        }
      }
    }
    return getAnswerMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.WaitRequest,
      dev.sightline.v1.WaitResponse> getWaitMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Wait",
      requestType = dev.sightline.v1.WaitRequest.class,
      responseType = dev.sightline.v1.WaitResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.WaitRequest,
      dev.sightline.v1.WaitResponse> getWaitMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.WaitRequest, dev.sightline.v1.WaitResponse> getWaitMethod;
    if ((getWaitMethod = SessionServiceGrpc.getWaitMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getWaitMethod = SessionServiceGrpc.getWaitMethod) == null) {
          SessionServiceGrpc.getWaitMethod = getWaitMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.WaitRequest, dev.sightline.v1.WaitResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Wait"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.WaitRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.WaitResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Wait"))
              .build();
        }
      }
    }
    return getWaitMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ExplainRequest,
      dev.sightline.v1.ExplainResponse> getExplainMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Explain",
      requestType = dev.sightline.v1.ExplainRequest.class,
      responseType = dev.sightline.v1.ExplainResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ExplainRequest,
      dev.sightline.v1.ExplainResponse> getExplainMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ExplainRequest, dev.sightline.v1.ExplainResponse> getExplainMethod;
    if ((getExplainMethod = SessionServiceGrpc.getExplainMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getExplainMethod = SessionServiceGrpc.getExplainMethod) == null) {
          SessionServiceGrpc.getExplainMethod = getExplainMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ExplainRequest, dev.sightline.v1.ExplainResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Explain"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ExplainRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ExplainResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Explain"))
              .build();
        }
      }
    }
    return getExplainMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.UsageRequest,
      dev.sightline.v1.UsageResponse> getUsageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Usage",
      requestType = dev.sightline.v1.UsageRequest.class,
      responseType = dev.sightline.v1.UsageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.UsageRequest,
      dev.sightline.v1.UsageResponse> getUsageMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.UsageRequest, dev.sightline.v1.UsageResponse> getUsageMethod;
    if ((getUsageMethod = SessionServiceGrpc.getUsageMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getUsageMethod = SessionServiceGrpc.getUsageMethod) == null) {
          SessionServiceGrpc.getUsageMethod = getUsageMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.UsageRequest, dev.sightline.v1.UsageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Usage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.UsageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.UsageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Usage"))
              .build();
        }
      }
    }
    return getUsageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.CollectRequest,
      dev.sightline.v1.CollectResponse> getCollectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Collect",
      requestType = dev.sightline.v1.CollectRequest.class,
      responseType = dev.sightline.v1.CollectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.CollectRequest,
      dev.sightline.v1.CollectResponse> getCollectMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.CollectRequest, dev.sightline.v1.CollectResponse> getCollectMethod;
    if ((getCollectMethod = SessionServiceGrpc.getCollectMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getCollectMethod = SessionServiceGrpc.getCollectMethod) == null) {
          SessionServiceGrpc.getCollectMethod = getCollectMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.CollectRequest, dev.sightline.v1.CollectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Collect"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.CollectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.CollectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Collect"))
              .build();
        }
      }
    }
    return getCollectMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.WatchDirectoryRequest,
      dev.sightline.v1.WatchDirectoryResponse> getWatchDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchDirectory",
      requestType = dev.sightline.v1.WatchDirectoryRequest.class,
      responseType = dev.sightline.v1.WatchDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.WatchDirectoryRequest,
      dev.sightline.v1.WatchDirectoryResponse> getWatchDirectoryMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.WatchDirectoryRequest, dev.sightline.v1.WatchDirectoryResponse> getWatchDirectoryMethod;
    if ((getWatchDirectoryMethod = SessionServiceGrpc.getWatchDirectoryMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getWatchDirectoryMethod = SessionServiceGrpc.getWatchDirectoryMethod) == null) {
          SessionServiceGrpc.getWatchDirectoryMethod = getWatchDirectoryMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.WatchDirectoryRequest, dev.sightline.v1.WatchDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.WatchDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.WatchDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("WatchDirectory"))
              .build();
        }
      }
    }
    return getWatchDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.UnwatchDirectoryRequest,
      dev.sightline.v1.UnwatchDirectoryResponse> getUnwatchDirectoryMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UnwatchDirectory",
      requestType = dev.sightline.v1.UnwatchDirectoryRequest.class,
      responseType = dev.sightline.v1.UnwatchDirectoryResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.UnwatchDirectoryRequest,
      dev.sightline.v1.UnwatchDirectoryResponse> getUnwatchDirectoryMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.UnwatchDirectoryRequest, dev.sightline.v1.UnwatchDirectoryResponse> getUnwatchDirectoryMethod;
    if ((getUnwatchDirectoryMethod = SessionServiceGrpc.getUnwatchDirectoryMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getUnwatchDirectoryMethod = SessionServiceGrpc.getUnwatchDirectoryMethod) == null) {
          SessionServiceGrpc.getUnwatchDirectoryMethod = getUnwatchDirectoryMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.UnwatchDirectoryRequest, dev.sightline.v1.UnwatchDirectoryResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UnwatchDirectory"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.UnwatchDirectoryRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.UnwatchDirectoryResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("UnwatchDirectory"))
              .build();
        }
      }
    }
    return getUnwatchDirectoryMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.ListDirectoriesRequest,
      dev.sightline.v1.ListDirectoriesResponse> getListDirectoriesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListDirectories",
      requestType = dev.sightline.v1.ListDirectoriesRequest.class,
      responseType = dev.sightline.v1.ListDirectoriesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.ListDirectoriesRequest,
      dev.sightline.v1.ListDirectoriesResponse> getListDirectoriesMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.ListDirectoriesRequest, dev.sightline.v1.ListDirectoriesResponse> getListDirectoriesMethod;
    if ((getListDirectoriesMethod = SessionServiceGrpc.getListDirectoriesMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getListDirectoriesMethod = SessionServiceGrpc.getListDirectoriesMethod) == null) {
          SessionServiceGrpc.getListDirectoriesMethod = getListDirectoriesMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.ListDirectoriesRequest, dev.sightline.v1.ListDirectoriesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListDirectories"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListDirectoriesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.ListDirectoriesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("ListDirectories"))
              .build();
        }
      }
    }
    return getListDirectoriesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.sightline.v1.MetricsRequest,
      dev.sightline.v1.MetricsResponse> getMetricsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Metrics",
      requestType = dev.sightline.v1.MetricsRequest.class,
      responseType = dev.sightline.v1.MetricsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.sightline.v1.MetricsRequest,
      dev.sightline.v1.MetricsResponse> getMetricsMethod() {
    io.grpc.MethodDescriptor<dev.sightline.v1.MetricsRequest, dev.sightline.v1.MetricsResponse> getMetricsMethod;
    if ((getMetricsMethod = SessionServiceGrpc.getMetricsMethod) == null) {
      synchronized (SessionServiceGrpc.class) {
        if ((getMetricsMethod = SessionServiceGrpc.getMetricsMethod) == null) {
          SessionServiceGrpc.getMetricsMethod = getMetricsMethod =
              io.grpc.MethodDescriptor.<dev.sightline.v1.MetricsRequest, dev.sightline.v1.MetricsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Metrics"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.MetricsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.sightline.v1.MetricsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SessionServiceMethodDescriptorSupplier("Metrics"))
              .build();
        }
      }
    }
    return getMetricsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static SessionServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SessionServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SessionServiceStub>() {
        @java.lang.Override
        public SessionServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SessionServiceStub(channel, callOptions);
        }
      };
    return SessionServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static SessionServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SessionServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SessionServiceBlockingV2Stub>() {
        @java.lang.Override
        public SessionServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SessionServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return SessionServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static SessionServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SessionServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SessionServiceBlockingStub>() {
        @java.lang.Override
        public SessionServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SessionServiceBlockingStub(channel, callOptions);
        }
      };
    return SessionServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static SessionServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SessionServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SessionServiceFutureStub>() {
        @java.lang.Override
        public SessionServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SessionServiceFutureStub(channel, callOptions);
        }
      };
    return SessionServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Starts or adopts a session and returns when it runs (or has failed to). With the same `request_id` a retry gets the first
     * answer. ALREADY_EXISTS: a live session has that name, or the pane is followed already. INVALID_ARGUMENT: a bad name, an empty argv, a cwd that is
     * not there. NOT_FOUND: no such program, pane or tmux server. FAILED_PRECONDITION: tmux is not installed. RESOURCE_EXHAUSTED: the disk is full.
     * </pre>
     */
    default void create(dev.sightline.v1.CreateRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.CreateResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateMethod(), responseObserver);
    }

    /**
     * <pre>
     * One session. NOT_FOUND: there is none of that id or name.
     * </pre>
     */
    default void get(dev.sightline.v1.GetRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.GetResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sessions by page, newest first. INVALID_ARGUMENT: a bad page token.
     * </pre>
     */
    default void list(dev.sightline.v1.ListRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListMethod(), responseObserver);
    }

    /**
     * <pre>
     * What could be adopted. Hosts and tools that do not answer are named in `problems`, not an error.
     * </pre>
     */
    default void discover(dev.sightline.v1.DiscoverRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.DiscoverResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDiscoverMethod(), responseObserver);
    }

    /**
     * <pre>
     * Types into a session. At most once: the input event with its `request_id` is committed before typing. FAILED_PRECONDITION: it has ended, or takes no input.
     * RESOURCE_EXHAUSTED: more than 1 MiB, or the program does not read what it got before. INVALID_ARGUMENT: an unknown key.
     * </pre>
     */
    default void send(dev.sightline.v1.SendRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SendResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSendMethod(), responseObserver);
    }

    /**
     * <pre>
     * What Ctrl-C means there: the key in a terminal, SIGINT to the group of a command, the control message of an agent. FAILED_PRECONDITION: it has ended.
     * </pre>
     */
    default void interrupt(dev.sightline.v1.InterruptRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.InterruptResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getInterruptMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sets the terminal's size. FAILED_PRECONDITION: it has ended, has no terminal, or is an adopted pane, whose size is its owner's.
     * </pre>
     */
    default void resize(dev.sightline.v1.ResizeRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ResizeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResizeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends a session and its whole process tree; returns when it has ended. The log stays. An ended session stays as it is.
     * </pre>
     */
    default void terminate(dev.sightline.v1.TerminateRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.TerminateResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getTerminateMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stops following an adopted source and leaves it running, with nothing of ours left on it. FAILED_PRECONDITION: Sightline started it itself, or it has ended.
     * </pre>
     */
    default void release(dev.sightline.v1.ReleaseRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ReleaseResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReleaseMethod(), responseObserver);
    }

    /**
     * <pre>
     * Forgets an ended session and its log. FAILED_PRECONDITION: it lives.
     * </pre>
     */
    default void delete(dev.sightline.v1.DeleteRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.DeleteResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteMethod(), responseObserver);
    }

    /**
     * <pre>
     * Events of one, several or all sessions, from a position, filtered. A stream without `end` was broken: ask again with `resume`.
     * NOT_FOUND: no such session. FAILED_PRECONDITION: a cursor of another epoch (`EPOCH_CHANGED`). OUT_OF_RANGE: a cursor ahead of the log, or a gap with `on_gap` FAIL.
     * INVALID_ARGUMENT: no session named, a kind or channel that is none.
     * </pre>
     */
    default void subscribe(dev.sightline.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SubscribeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSubscribeMethod(), responseObserver);
    }

    /**
     * <pre>
     * The same events by page, for tools that cannot stream. Errors as `Subscribe`.
     * </pre>
     */
    default void listEvents(dev.sightline.v1.ListEventsRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListEventsMethod(), responseObserver);
    }

    /**
     * <pre>
     * The screen of a terminal session. FAILED_PRECONDITION: it has no terminal.
     * </pre>
     */
    default void snapshot(dev.sightline.v1.SnapshotRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SnapshotResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSnapshotMethod(), responseObserver);
    }

    /**
     * <pre>
     * Full text over the logs: what programs printed (without escape codes), what was said and typed. INVALID_ARGUMENT: an empty query, one
     * of signs alone, or a quote without its end. UNAVAILABLE: the index cannot be used for the moment.
     * </pre>
     */
    default void search(dev.sightline.v1.SearchRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SearchResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSearchMethod(), responseObserver);
    }

    /**
     * <pre>
     * Events from the user's own programs, idempotent by `producer_id` and sequence. All of one call are committed together, or none.
     * INVALID_ARGUMENT: an event without a payload, or larger than 1 MiB. FAILED_PRECONDITION: the session has ended, or the kind of event is
     * only for sessions created as `published` (`completed`, `state_changed`, `input`). OUT_OF_RANGE: the sequence leaves a hole.
     * </pre>
     */
    default void publish(dev.sightline.v1.PublishRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.PublishResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPublishMethod(), responseObserver);
    }

    /**
     * <pre>
     * Answers a request of an agent; the first writer wins. FAILED_PRECONDITION: answered already, or void.
     * </pre>
     */
    default void answer(dev.sightline.v1.AnswerRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.AnswerResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getAnswerMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns when a session waits, idles or ends after `after_seq`. A timeout is a normal answer with `timed_out`.
     * </pre>
     */
    default void wait(dev.sightline.v1.WaitRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.WaitResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWaitMethod(), responseObserver);
    }

    /**
     * <pre>
     * Which rule gave the present state, and what it saw.
     * </pre>
     */
    default void explain(dev.sightline.v1.ExplainRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ExplainResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExplainMethod(), responseObserver);
    }

    /**
     * <pre>
     * What the logs take on the disk, and the limits they are kept within.
     * </pre>
     */
    default void usage(dev.sightline.v1.UsageRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.UsageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUsageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Removes old events and sessions now, by the server's limits or tighter ones. Never a program, and never what is newer than the limits say.
     * RESOURCE_EXHAUSTED: the disk is so full that nothing can be removed.
     * </pre>
     */
    default void collect(dev.sightline.v1.CollectRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.CollectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCollectMethod(), responseObserver);
    }

    /**
     * <pre>
     * Looks for typescripts in a directory from now on, over restarts too: each `*.typescript` there becomes a session, named after the
     * file. Again for the same directory changes nothing. INVALID_ARGUMENT: a path that is not absolute. NOT_FOUND: no such directory.
     * </pre>
     */
    default void watchDirectory(dev.sightline.v1.WatchDirectoryRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.WatchDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * Looks there no longer; its sessions go on. NOT_FOUND: it was not looked at. FAILED_PRECONDITION: the server's settings name it.
     * </pre>
     */
    default void unwatchDirectory(dev.sightline.v1.UnwatchDirectoryRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.UnwatchDirectoryResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUnwatchDirectoryMethod(), responseObserver);
    }

    /**
     * <pre>
     * The directories that are looked at.
     * </pre>
     */
    default void listDirectories(dev.sightline.v1.ListDirectoriesRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListDirectoriesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListDirectoriesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Counters and gauges of the server itself, since its start.
     * </pre>
     */
    default void metrics(dev.sightline.v1.MetricsRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.MetricsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getMetricsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service SessionService.
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public static abstract class SessionServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return SessionServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service SessionService.
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public static final class SessionServiceStub
      extends io.grpc.stub.AbstractAsyncStub<SessionServiceStub> {
    private SessionServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SessionServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SessionServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts or adopts a session and returns when it runs (or has failed to). With the same `request_id` a retry gets the first
     * answer. ALREADY_EXISTS: a live session has that name, or the pane is followed already. INVALID_ARGUMENT: a bad name, an empty argv, a cwd that is
     * not there. NOT_FOUND: no such program, pane or tmux server. FAILED_PRECONDITION: tmux is not installed. RESOURCE_EXHAUSTED: the disk is full.
     * </pre>
     */
    public void create(dev.sightline.v1.CreateRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.CreateResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * One session. NOT_FOUND: there is none of that id or name.
     * </pre>
     */
    public void get(dev.sightline.v1.GetRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.GetResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sessions by page, newest first. INVALID_ARGUMENT: a bad page token.
     * </pre>
     */
    public void list(dev.sightline.v1.ListRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * What could be adopted. Hosts and tools that do not answer are named in `problems`, not an error.
     * </pre>
     */
    public void discover(dev.sightline.v1.DiscoverRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.DiscoverResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDiscoverMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Types into a session. At most once: the input event with its `request_id` is committed before typing. FAILED_PRECONDITION: it has ended, or takes no input.
     * RESOURCE_EXHAUSTED: more than 1 MiB, or the program does not read what it got before. INVALID_ARGUMENT: an unknown key.
     * </pre>
     */
    public void send(dev.sightline.v1.SendRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SendResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSendMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * What Ctrl-C means there: the key in a terminal, SIGINT to the group of a command, the control message of an agent. FAILED_PRECONDITION: it has ended.
     * </pre>
     */
    public void interrupt(dev.sightline.v1.InterruptRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.InterruptResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getInterruptMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sets the terminal's size. FAILED_PRECONDITION: it has ended, has no terminal, or is an adopted pane, whose size is its owner's.
     * </pre>
     */
    public void resize(dev.sightline.v1.ResizeRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ResizeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResizeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends a session and its whole process tree; returns when it has ended. The log stays. An ended session stays as it is.
     * </pre>
     */
    public void terminate(dev.sightline.v1.TerminateRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.TerminateResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getTerminateMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stops following an adopted source and leaves it running, with nothing of ours left on it. FAILED_PRECONDITION: Sightline started it itself, or it has ended.
     * </pre>
     */
    public void release(dev.sightline.v1.ReleaseRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ReleaseResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReleaseMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Forgets an ended session and its log. FAILED_PRECONDITION: it lives.
     * </pre>
     */
    public void delete(dev.sightline.v1.DeleteRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.DeleteResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Events of one, several or all sessions, from a position, filtered. A stream without `end` was broken: ask again with `resume`.
     * NOT_FOUND: no such session. FAILED_PRECONDITION: a cursor of another epoch (`EPOCH_CHANGED`). OUT_OF_RANGE: a cursor ahead of the log, or a gap with `on_gap` FAIL.
     * INVALID_ARGUMENT: no session named, a kind or channel that is none.
     * </pre>
     */
    public void subscribe(dev.sightline.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SubscribeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getSubscribeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The same events by page, for tools that cannot stream. Errors as `Subscribe`.
     * </pre>
     */
    public void listEvents(dev.sightline.v1.ListEventsRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListEventsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The screen of a terminal session. FAILED_PRECONDITION: it has no terminal.
     * </pre>
     */
    public void snapshot(dev.sightline.v1.SnapshotRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SnapshotResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSnapshotMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Full text over the logs: what programs printed (without escape codes), what was said and typed. INVALID_ARGUMENT: an empty query, one
     * of signs alone, or a quote without its end. UNAVAILABLE: the index cannot be used for the moment.
     * </pre>
     */
    public void search(dev.sightline.v1.SearchRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.SearchResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSearchMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Events from the user's own programs, idempotent by `producer_id` and sequence. All of one call are committed together, or none.
     * INVALID_ARGUMENT: an event without a payload, or larger than 1 MiB. FAILED_PRECONDITION: the session has ended, or the kind of event is
     * only for sessions created as `published` (`completed`, `state_changed`, `input`). OUT_OF_RANGE: the sequence leaves a hole.
     * </pre>
     */
    public void publish(dev.sightline.v1.PublishRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.PublishResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getPublishMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Answers a request of an agent; the first writer wins. FAILED_PRECONDITION: answered already, or void.
     * </pre>
     */
    public void answer(dev.sightline.v1.AnswerRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.AnswerResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getAnswerMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns when a session waits, idles or ends after `after_seq`. A timeout is a normal answer with `timed_out`.
     * </pre>
     */
    public void wait(dev.sightline.v1.WaitRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.WaitResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWaitMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Which rule gave the present state, and what it saw.
     * </pre>
     */
    public void explain(dev.sightline.v1.ExplainRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ExplainResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getExplainMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * What the logs take on the disk, and the limits they are kept within.
     * </pre>
     */
    public void usage(dev.sightline.v1.UsageRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.UsageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUsageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Removes old events and sessions now, by the server's limits or tighter ones. Never a program, and never what is newer than the limits say.
     * RESOURCE_EXHAUSTED: the disk is so full that nothing can be removed.
     * </pre>
     */
    public void collect(dev.sightline.v1.CollectRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.CollectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCollectMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Looks for typescripts in a directory from now on, over restarts too: each `*.typescript` there becomes a session, named after the
     * file. Again for the same directory changes nothing. INVALID_ARGUMENT: a path that is not absolute. NOT_FOUND: no such directory.
     * </pre>
     */
    public void watchDirectory(dev.sightline.v1.WatchDirectoryRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.WatchDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWatchDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Looks there no longer; its sessions go on. NOT_FOUND: it was not looked at. FAILED_PRECONDITION: the server's settings name it.
     * </pre>
     */
    public void unwatchDirectory(dev.sightline.v1.UnwatchDirectoryRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.UnwatchDirectoryResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUnwatchDirectoryMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The directories that are looked at.
     * </pre>
     */
    public void listDirectories(dev.sightline.v1.ListDirectoriesRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.ListDirectoriesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListDirectoriesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Counters and gauges of the server itself, since its start.
     * </pre>
     */
    public void metrics(dev.sightline.v1.MetricsRequest request,
        io.grpc.stub.StreamObserver<dev.sightline.v1.MetricsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getMetricsMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service SessionService.
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public static final class SessionServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<SessionServiceBlockingV2Stub> {
    private SessionServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SessionServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SessionServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts or adopts a session and returns when it runs (or has failed to). With the same `request_id` a retry gets the first
     * answer. ALREADY_EXISTS: a live session has that name, or the pane is followed already. INVALID_ARGUMENT: a bad name, an empty argv, a cwd that is
     * not there. NOT_FOUND: no such program, pane or tmux server. FAILED_PRECONDITION: tmux is not installed. RESOURCE_EXHAUSTED: the disk is full.
     * </pre>
     */
    public dev.sightline.v1.CreateResponse create(dev.sightline.v1.CreateRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One session. NOT_FOUND: there is none of that id or name.
     * </pre>
     */
    public dev.sightline.v1.GetResponse get(dev.sightline.v1.GetRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sessions by page, newest first. INVALID_ARGUMENT: a bad page token.
     * </pre>
     */
    public dev.sightline.v1.ListResponse list(dev.sightline.v1.ListRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What could be adopted. Hosts and tools that do not answer are named in `problems`, not an error.
     * </pre>
     */
    public dev.sightline.v1.DiscoverResponse discover(dev.sightline.v1.DiscoverRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDiscoverMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Types into a session. At most once: the input event with its `request_id` is committed before typing. FAILED_PRECONDITION: it has ended, or takes no input.
     * RESOURCE_EXHAUSTED: more than 1 MiB, or the program does not read what it got before. INVALID_ARGUMENT: an unknown key.
     * </pre>
     */
    public dev.sightline.v1.SendResponse send(dev.sightline.v1.SendRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What Ctrl-C means there: the key in a terminal, SIGINT to the group of a command, the control message of an agent. FAILED_PRECONDITION: it has ended.
     * </pre>
     */
    public dev.sightline.v1.InterruptResponse interrupt(dev.sightline.v1.InterruptRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getInterruptMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sets the terminal's size. FAILED_PRECONDITION: it has ended, has no terminal, or is an adopted pane, whose size is its owner's.
     * </pre>
     */
    public dev.sightline.v1.ResizeResponse resize(dev.sightline.v1.ResizeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a session and its whole process tree; returns when it has ended. The log stays. An ended session stays as it is.
     * </pre>
     */
    public dev.sightline.v1.TerminateResponse terminate(dev.sightline.v1.TerminateRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getTerminateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops following an adopted source and leaves it running, with nothing of ours left on it. FAILED_PRECONDITION: Sightline started it itself, or it has ended.
     * </pre>
     */
    public dev.sightline.v1.ReleaseResponse release(dev.sightline.v1.ReleaseRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReleaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forgets an ended session and its log. FAILED_PRECONDITION: it lives.
     * </pre>
     */
    public dev.sightline.v1.DeleteResponse delete(dev.sightline.v1.DeleteRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Events of one, several or all sessions, from a position, filtered. A stream without `end` was broken: ask again with `resume`.
     * NOT_FOUND: no such session. FAILED_PRECONDITION: a cursor of another epoch (`EPOCH_CHANGED`). OUT_OF_RANGE: a cursor ahead of the log, or a gap with `on_gap` FAIL.
     * INVALID_ARGUMENT: no session named, a kind or channel that is none.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, dev.sightline.v1.SubscribeResponse>
        subscribe(dev.sightline.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getSubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The same events by page, for tools that cannot stream. Errors as `Subscribe`.
     * </pre>
     */
    public dev.sightline.v1.ListEventsResponse listEvents(dev.sightline.v1.ListEventsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The screen of a terminal session. FAILED_PRECONDITION: it has no terminal.
     * </pre>
     */
    public dev.sightline.v1.SnapshotResponse snapshot(dev.sightline.v1.SnapshotRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSnapshotMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Full text over the logs: what programs printed (without escape codes), what was said and typed. INVALID_ARGUMENT: an empty query, one
     * of signs alone, or a quote without its end. UNAVAILABLE: the index cannot be used for the moment.
     * </pre>
     */
    public dev.sightline.v1.SearchResponse search(dev.sightline.v1.SearchRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSearchMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Events from the user's own programs, idempotent by `producer_id` and sequence. All of one call are committed together, or none.
     * INVALID_ARGUMENT: an event without a payload, or larger than 1 MiB. FAILED_PRECONDITION: the session has ended, or the kind of event is
     * only for sessions created as `published` (`completed`, `state_changed`, `input`). OUT_OF_RANGE: the sequence leaves a hole.
     * </pre>
     */
    public dev.sightline.v1.PublishResponse publish(dev.sightline.v1.PublishRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getPublishMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers a request of an agent; the first writer wins. FAILED_PRECONDITION: answered already, or void.
     * </pre>
     */
    public dev.sightline.v1.AnswerResponse answer(dev.sightline.v1.AnswerRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getAnswerMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns when a session waits, idles or ends after `after_seq`. A timeout is a normal answer with `timed_out`.
     * </pre>
     */
    public dev.sightline.v1.WaitResponse wait(dev.sightline.v1.WaitRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWaitMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Which rule gave the present state, and what it saw.
     * </pre>
     */
    public dev.sightline.v1.ExplainResponse explain(dev.sightline.v1.ExplainRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getExplainMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What the logs take on the disk, and the limits they are kept within.
     * </pre>
     */
    public dev.sightline.v1.UsageResponse usage(dev.sightline.v1.UsageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUsageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes old events and sessions now, by the server's limits or tighter ones. Never a program, and never what is newer than the limits say.
     * RESOURCE_EXHAUSTED: the disk is so full that nothing can be removed.
     * </pre>
     */
    public dev.sightline.v1.CollectResponse collect(dev.sightline.v1.CollectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCollectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks for typescripts in a directory from now on, over restarts too: each `*.typescript` there becomes a session, named after the
     * file. Again for the same directory changes nothing. INVALID_ARGUMENT: a path that is not absolute. NOT_FOUND: no such directory.
     * </pre>
     */
    public dev.sightline.v1.WatchDirectoryResponse watchDirectory(dev.sightline.v1.WatchDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWatchDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks there no longer; its sessions go on. NOT_FOUND: it was not looked at. FAILED_PRECONDITION: the server's settings name it.
     * </pre>
     */
    public dev.sightline.v1.UnwatchDirectoryResponse unwatchDirectory(dev.sightline.v1.UnwatchDirectoryRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUnwatchDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The directories that are looked at.
     * </pre>
     */
    public dev.sightline.v1.ListDirectoriesResponse listDirectories(dev.sightline.v1.ListDirectoriesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListDirectoriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Counters and gauges of the server itself, since its start.
     * </pre>
     */
    public dev.sightline.v1.MetricsResponse metrics(dev.sightline.v1.MetricsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getMetricsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service SessionService.
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public static final class SessionServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<SessionServiceBlockingStub> {
    private SessionServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SessionServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SessionServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts or adopts a session and returns when it runs (or has failed to). With the same `request_id` a retry gets the first
     * answer. ALREADY_EXISTS: a live session has that name, or the pane is followed already. INVALID_ARGUMENT: a bad name, an empty argv, a cwd that is
     * not there. NOT_FOUND: no such program, pane or tmux server. FAILED_PRECONDITION: tmux is not installed. RESOURCE_EXHAUSTED: the disk is full.
     * </pre>
     */
    public dev.sightline.v1.CreateResponse create(dev.sightline.v1.CreateRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One session. NOT_FOUND: there is none of that id or name.
     * </pre>
     */
    public dev.sightline.v1.GetResponse get(dev.sightline.v1.GetRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sessions by page, newest first. INVALID_ARGUMENT: a bad page token.
     * </pre>
     */
    public dev.sightline.v1.ListResponse list(dev.sightline.v1.ListRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What could be adopted. Hosts and tools that do not answer are named in `problems`, not an error.
     * </pre>
     */
    public dev.sightline.v1.DiscoverResponse discover(dev.sightline.v1.DiscoverRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDiscoverMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Types into a session. At most once: the input event with its `request_id` is committed before typing. FAILED_PRECONDITION: it has ended, or takes no input.
     * RESOURCE_EXHAUSTED: more than 1 MiB, or the program does not read what it got before. INVALID_ARGUMENT: an unknown key.
     * </pre>
     */
    public dev.sightline.v1.SendResponse send(dev.sightline.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What Ctrl-C means there: the key in a terminal, SIGINT to the group of a command, the control message of an agent. FAILED_PRECONDITION: it has ended.
     * </pre>
     */
    public dev.sightline.v1.InterruptResponse interrupt(dev.sightline.v1.InterruptRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getInterruptMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sets the terminal's size. FAILED_PRECONDITION: it has ended, has no terminal, or is an adopted pane, whose size is its owner's.
     * </pre>
     */
    public dev.sightline.v1.ResizeResponse resize(dev.sightline.v1.ResizeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a session and its whole process tree; returns when it has ended. The log stays. An ended session stays as it is.
     * </pre>
     */
    public dev.sightline.v1.TerminateResponse terminate(dev.sightline.v1.TerminateRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getTerminateMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops following an adopted source and leaves it running, with nothing of ours left on it. FAILED_PRECONDITION: Sightline started it itself, or it has ended.
     * </pre>
     */
    public dev.sightline.v1.ReleaseResponse release(dev.sightline.v1.ReleaseRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReleaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forgets an ended session and its log. FAILED_PRECONDITION: it lives.
     * </pre>
     */
    public dev.sightline.v1.DeleteResponse delete(dev.sightline.v1.DeleteRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Events of one, several or all sessions, from a position, filtered. A stream without `end` was broken: ask again with `resume`.
     * NOT_FOUND: no such session. FAILED_PRECONDITION: a cursor of another epoch (`EPOCH_CHANGED`). OUT_OF_RANGE: a cursor ahead of the log, or a gap with `on_gap` FAIL.
     * INVALID_ARGUMENT: no session named, a kind or channel that is none.
     * </pre>
     */
    public java.util.Iterator<dev.sightline.v1.SubscribeResponse> subscribe(
        dev.sightline.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getSubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The same events by page, for tools that cannot stream. Errors as `Subscribe`.
     * </pre>
     */
    public dev.sightline.v1.ListEventsResponse listEvents(dev.sightline.v1.ListEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The screen of a terminal session. FAILED_PRECONDITION: it has no terminal.
     * </pre>
     */
    public dev.sightline.v1.SnapshotResponse snapshot(dev.sightline.v1.SnapshotRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSnapshotMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Full text over the logs: what programs printed (without escape codes), what was said and typed. INVALID_ARGUMENT: an empty query, one
     * of signs alone, or a quote without its end. UNAVAILABLE: the index cannot be used for the moment.
     * </pre>
     */
    public dev.sightline.v1.SearchResponse search(dev.sightline.v1.SearchRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSearchMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Events from the user's own programs, idempotent by `producer_id` and sequence. All of one call are committed together, or none.
     * INVALID_ARGUMENT: an event without a payload, or larger than 1 MiB. FAILED_PRECONDITION: the session has ended, or the kind of event is
     * only for sessions created as `published` (`completed`, `state_changed`, `input`). OUT_OF_RANGE: the sequence leaves a hole.
     * </pre>
     */
    public dev.sightline.v1.PublishResponse publish(dev.sightline.v1.PublishRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getPublishMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers a request of an agent; the first writer wins. FAILED_PRECONDITION: answered already, or void.
     * </pre>
     */
    public dev.sightline.v1.AnswerResponse answer(dev.sightline.v1.AnswerRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getAnswerMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns when a session waits, idles or ends after `after_seq`. A timeout is a normal answer with `timed_out`.
     * </pre>
     */
    public dev.sightline.v1.WaitResponse wait(dev.sightline.v1.WaitRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWaitMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Which rule gave the present state, and what it saw.
     * </pre>
     */
    public dev.sightline.v1.ExplainResponse explain(dev.sightline.v1.ExplainRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getExplainMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * What the logs take on the disk, and the limits they are kept within.
     * </pre>
     */
    public dev.sightline.v1.UsageResponse usage(dev.sightline.v1.UsageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUsageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes old events and sessions now, by the server's limits or tighter ones. Never a program, and never what is newer than the limits say.
     * RESOURCE_EXHAUSTED: the disk is so full that nothing can be removed.
     * </pre>
     */
    public dev.sightline.v1.CollectResponse collect(dev.sightline.v1.CollectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCollectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks for typescripts in a directory from now on, over restarts too: each `*.typescript` there becomes a session, named after the
     * file. Again for the same directory changes nothing. INVALID_ARGUMENT: a path that is not absolute. NOT_FOUND: no such directory.
     * </pre>
     */
    public dev.sightline.v1.WatchDirectoryResponse watchDirectory(dev.sightline.v1.WatchDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWatchDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Looks there no longer; its sessions go on. NOT_FOUND: it was not looked at. FAILED_PRECONDITION: the server's settings name it.
     * </pre>
     */
    public dev.sightline.v1.UnwatchDirectoryResponse unwatchDirectory(dev.sightline.v1.UnwatchDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUnwatchDirectoryMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The directories that are looked at.
     * </pre>
     */
    public dev.sightline.v1.ListDirectoriesResponse listDirectories(dev.sightline.v1.ListDirectoriesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListDirectoriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Counters and gauges of the server itself, since its start.
     * </pre>
     */
    public dev.sightline.v1.MetricsResponse metrics(dev.sightline.v1.MetricsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getMetricsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service SessionService.
   * <pre>
   * Sessions and their logs.
   * </pre>
   */
  public static final class SessionServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<SessionServiceFutureStub> {
    private SessionServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SessionServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SessionServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Starts or adopts a session and returns when it runs (or has failed to). With the same `request_id` a retry gets the first
     * answer. ALREADY_EXISTS: a live session has that name, or the pane is followed already. INVALID_ARGUMENT: a bad name, an empty argv, a cwd that is
     * not there. NOT_FOUND: no such program, pane or tmux server. FAILED_PRECONDITION: tmux is not installed. RESOURCE_EXHAUSTED: the disk is full.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.CreateResponse> create(
        dev.sightline.v1.CreateRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * One session. NOT_FOUND: there is none of that id or name.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.GetResponse> get(
        dev.sightline.v1.GetRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Sessions by page, newest first. INVALID_ARGUMENT: a bad page token.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ListResponse> list(
        dev.sightline.v1.ListRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * What could be adopted. Hosts and tools that do not answer are named in `problems`, not an error.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.DiscoverResponse> discover(
        dev.sightline.v1.DiscoverRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDiscoverMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Types into a session. At most once: the input event with its `request_id` is committed before typing. FAILED_PRECONDITION: it has ended, or takes no input.
     * RESOURCE_EXHAUSTED: more than 1 MiB, or the program does not read what it got before. INVALID_ARGUMENT: an unknown key.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.SendResponse> send(
        dev.sightline.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSendMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * What Ctrl-C means there: the key in a terminal, SIGINT to the group of a command, the control message of an agent. FAILED_PRECONDITION: it has ended.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.InterruptResponse> interrupt(
        dev.sightline.v1.InterruptRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getInterruptMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Sets the terminal's size. FAILED_PRECONDITION: it has ended, has no terminal, or is an adopted pane, whose size is its owner's.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ResizeResponse> resize(
        dev.sightline.v1.ResizeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResizeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends a session and its whole process tree; returns when it has ended. The log stays. An ended session stays as it is.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.TerminateResponse> terminate(
        dev.sightline.v1.TerminateRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getTerminateMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stops following an adopted source and leaves it running, with nothing of ours left on it. FAILED_PRECONDITION: Sightline started it itself, or it has ended.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ReleaseResponse> release(
        dev.sightline.v1.ReleaseRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReleaseMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Forgets an ended session and its log. FAILED_PRECONDITION: it lives.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.DeleteResponse> delete(
        dev.sightline.v1.DeleteRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The same events by page, for tools that cannot stream. Errors as `Subscribe`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ListEventsResponse> listEvents(
        dev.sightline.v1.ListEventsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListEventsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The screen of a terminal session. FAILED_PRECONDITION: it has no terminal.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.SnapshotResponse> snapshot(
        dev.sightline.v1.SnapshotRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSnapshotMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Full text over the logs: what programs printed (without escape codes), what was said and typed. INVALID_ARGUMENT: an empty query, one
     * of signs alone, or a quote without its end. UNAVAILABLE: the index cannot be used for the moment.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.SearchResponse> search(
        dev.sightline.v1.SearchRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSearchMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Events from the user's own programs, idempotent by `producer_id` and sequence. All of one call are committed together, or none.
     * INVALID_ARGUMENT: an event without a payload, or larger than 1 MiB. FAILED_PRECONDITION: the session has ended, or the kind of event is
     * only for sessions created as `published` (`completed`, `state_changed`, `input`). OUT_OF_RANGE: the sequence leaves a hole.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.PublishResponse> publish(
        dev.sightline.v1.PublishRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getPublishMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Answers a request of an agent; the first writer wins. FAILED_PRECONDITION: answered already, or void.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.AnswerResponse> answer(
        dev.sightline.v1.AnswerRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getAnswerMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns when a session waits, idles or ends after `after_seq`. A timeout is a normal answer with `timed_out`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.WaitResponse> wait(
        dev.sightline.v1.WaitRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWaitMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Which rule gave the present state, and what it saw.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ExplainResponse> explain(
        dev.sightline.v1.ExplainRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getExplainMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * What the logs take on the disk, and the limits they are kept within.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.UsageResponse> usage(
        dev.sightline.v1.UsageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUsageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Removes old events and sessions now, by the server's limits or tighter ones. Never a program, and never what is newer than the limits say.
     * RESOURCE_EXHAUSTED: the disk is so full that nothing can be removed.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.CollectResponse> collect(
        dev.sightline.v1.CollectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCollectMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Looks for typescripts in a directory from now on, over restarts too: each `*.typescript` there becomes a session, named after the
     * file. Again for the same directory changes nothing. INVALID_ARGUMENT: a path that is not absolute. NOT_FOUND: no such directory.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.WatchDirectoryResponse> watchDirectory(
        dev.sightline.v1.WatchDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWatchDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Looks there no longer; its sessions go on. NOT_FOUND: it was not looked at. FAILED_PRECONDITION: the server's settings name it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.UnwatchDirectoryResponse> unwatchDirectory(
        dev.sightline.v1.UnwatchDirectoryRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUnwatchDirectoryMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The directories that are looked at.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.ListDirectoriesResponse> listDirectories(
        dev.sightline.v1.ListDirectoriesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListDirectoriesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Counters and gauges of the server itself, since its start.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.sightline.v1.MetricsResponse> metrics(
        dev.sightline.v1.MetricsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getMetricsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE = 0;
  private static final int METHODID_GET = 1;
  private static final int METHODID_LIST = 2;
  private static final int METHODID_DISCOVER = 3;
  private static final int METHODID_SEND = 4;
  private static final int METHODID_INTERRUPT = 5;
  private static final int METHODID_RESIZE = 6;
  private static final int METHODID_TERMINATE = 7;
  private static final int METHODID_RELEASE = 8;
  private static final int METHODID_DELETE = 9;
  private static final int METHODID_SUBSCRIBE = 10;
  private static final int METHODID_LIST_EVENTS = 11;
  private static final int METHODID_SNAPSHOT = 12;
  private static final int METHODID_SEARCH = 13;
  private static final int METHODID_PUBLISH = 14;
  private static final int METHODID_ANSWER = 15;
  private static final int METHODID_WAIT = 16;
  private static final int METHODID_EXPLAIN = 17;
  private static final int METHODID_USAGE = 18;
  private static final int METHODID_COLLECT = 19;
  private static final int METHODID_WATCH_DIRECTORY = 20;
  private static final int METHODID_UNWATCH_DIRECTORY = 21;
  private static final int METHODID_LIST_DIRECTORIES = 22;
  private static final int METHODID_METRICS = 23;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_CREATE:
          serviceImpl.create((dev.sightline.v1.CreateRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.CreateResponse>) responseObserver);
          break;
        case METHODID_GET:
          serviceImpl.get((dev.sightline.v1.GetRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.GetResponse>) responseObserver);
          break;
        case METHODID_LIST:
          serviceImpl.list((dev.sightline.v1.ListRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ListResponse>) responseObserver);
          break;
        case METHODID_DISCOVER:
          serviceImpl.discover((dev.sightline.v1.DiscoverRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.DiscoverResponse>) responseObserver);
          break;
        case METHODID_SEND:
          serviceImpl.send((dev.sightline.v1.SendRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.SendResponse>) responseObserver);
          break;
        case METHODID_INTERRUPT:
          serviceImpl.interrupt((dev.sightline.v1.InterruptRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.InterruptResponse>) responseObserver);
          break;
        case METHODID_RESIZE:
          serviceImpl.resize((dev.sightline.v1.ResizeRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ResizeResponse>) responseObserver);
          break;
        case METHODID_TERMINATE:
          serviceImpl.terminate((dev.sightline.v1.TerminateRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.TerminateResponse>) responseObserver);
          break;
        case METHODID_RELEASE:
          serviceImpl.release((dev.sightline.v1.ReleaseRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ReleaseResponse>) responseObserver);
          break;
        case METHODID_DELETE:
          serviceImpl.delete((dev.sightline.v1.DeleteRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.DeleteResponse>) responseObserver);
          break;
        case METHODID_SUBSCRIBE:
          serviceImpl.subscribe((dev.sightline.v1.SubscribeRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.SubscribeResponse>) responseObserver);
          break;
        case METHODID_LIST_EVENTS:
          serviceImpl.listEvents((dev.sightline.v1.ListEventsRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ListEventsResponse>) responseObserver);
          break;
        case METHODID_SNAPSHOT:
          serviceImpl.snapshot((dev.sightline.v1.SnapshotRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.SnapshotResponse>) responseObserver);
          break;
        case METHODID_SEARCH:
          serviceImpl.search((dev.sightline.v1.SearchRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.SearchResponse>) responseObserver);
          break;
        case METHODID_PUBLISH:
          serviceImpl.publish((dev.sightline.v1.PublishRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.PublishResponse>) responseObserver);
          break;
        case METHODID_ANSWER:
          serviceImpl.answer((dev.sightline.v1.AnswerRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.AnswerResponse>) responseObserver);
          break;
        case METHODID_WAIT:
          serviceImpl.wait((dev.sightline.v1.WaitRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.WaitResponse>) responseObserver);
          break;
        case METHODID_EXPLAIN:
          serviceImpl.explain((dev.sightline.v1.ExplainRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ExplainResponse>) responseObserver);
          break;
        case METHODID_USAGE:
          serviceImpl.usage((dev.sightline.v1.UsageRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.UsageResponse>) responseObserver);
          break;
        case METHODID_COLLECT:
          serviceImpl.collect((dev.sightline.v1.CollectRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.CollectResponse>) responseObserver);
          break;
        case METHODID_WATCH_DIRECTORY:
          serviceImpl.watchDirectory((dev.sightline.v1.WatchDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.WatchDirectoryResponse>) responseObserver);
          break;
        case METHODID_UNWATCH_DIRECTORY:
          serviceImpl.unwatchDirectory((dev.sightline.v1.UnwatchDirectoryRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.UnwatchDirectoryResponse>) responseObserver);
          break;
        case METHODID_LIST_DIRECTORIES:
          serviceImpl.listDirectories((dev.sightline.v1.ListDirectoriesRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.ListDirectoriesResponse>) responseObserver);
          break;
        case METHODID_METRICS:
          serviceImpl.metrics((dev.sightline.v1.MetricsRequest) request,
              (io.grpc.stub.StreamObserver<dev.sightline.v1.MetricsResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.CreateRequest,
              dev.sightline.v1.CreateResponse>(
                service, METHODID_CREATE)))
        .addMethod(
          getGetMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.GetRequest,
              dev.sightline.v1.GetResponse>(
                service, METHODID_GET)))
        .addMethod(
          getListMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ListRequest,
              dev.sightline.v1.ListResponse>(
                service, METHODID_LIST)))
        .addMethod(
          getDiscoverMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.DiscoverRequest,
              dev.sightline.v1.DiscoverResponse>(
                service, METHODID_DISCOVER)))
        .addMethod(
          getSendMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.SendRequest,
              dev.sightline.v1.SendResponse>(
                service, METHODID_SEND)))
        .addMethod(
          getInterruptMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.InterruptRequest,
              dev.sightline.v1.InterruptResponse>(
                service, METHODID_INTERRUPT)))
        .addMethod(
          getResizeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ResizeRequest,
              dev.sightline.v1.ResizeResponse>(
                service, METHODID_RESIZE)))
        .addMethod(
          getTerminateMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.TerminateRequest,
              dev.sightline.v1.TerminateResponse>(
                service, METHODID_TERMINATE)))
        .addMethod(
          getReleaseMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ReleaseRequest,
              dev.sightline.v1.ReleaseResponse>(
                service, METHODID_RELEASE)))
        .addMethod(
          getDeleteMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.DeleteRequest,
              dev.sightline.v1.DeleteResponse>(
                service, METHODID_DELETE)))
        .addMethod(
          getSubscribeMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              dev.sightline.v1.SubscribeRequest,
              dev.sightline.v1.SubscribeResponse>(
                service, METHODID_SUBSCRIBE)))
        .addMethod(
          getListEventsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ListEventsRequest,
              dev.sightline.v1.ListEventsResponse>(
                service, METHODID_LIST_EVENTS)))
        .addMethod(
          getSnapshotMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.SnapshotRequest,
              dev.sightline.v1.SnapshotResponse>(
                service, METHODID_SNAPSHOT)))
        .addMethod(
          getSearchMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.SearchRequest,
              dev.sightline.v1.SearchResponse>(
                service, METHODID_SEARCH)))
        .addMethod(
          getPublishMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.PublishRequest,
              dev.sightline.v1.PublishResponse>(
                service, METHODID_PUBLISH)))
        .addMethod(
          getAnswerMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.AnswerRequest,
              dev.sightline.v1.AnswerResponse>(
                service, METHODID_ANSWER)))
        .addMethod(
          getWaitMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.WaitRequest,
              dev.sightline.v1.WaitResponse>(
                service, METHODID_WAIT)))
        .addMethod(
          getExplainMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ExplainRequest,
              dev.sightline.v1.ExplainResponse>(
                service, METHODID_EXPLAIN)))
        .addMethod(
          getUsageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.UsageRequest,
              dev.sightline.v1.UsageResponse>(
                service, METHODID_USAGE)))
        .addMethod(
          getCollectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.CollectRequest,
              dev.sightline.v1.CollectResponse>(
                service, METHODID_COLLECT)))
        .addMethod(
          getWatchDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.WatchDirectoryRequest,
              dev.sightline.v1.WatchDirectoryResponse>(
                service, METHODID_WATCH_DIRECTORY)))
        .addMethod(
          getUnwatchDirectoryMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.UnwatchDirectoryRequest,
              dev.sightline.v1.UnwatchDirectoryResponse>(
                service, METHODID_UNWATCH_DIRECTORY)))
        .addMethod(
          getListDirectoriesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.ListDirectoriesRequest,
              dev.sightline.v1.ListDirectoriesResponse>(
                service, METHODID_LIST_DIRECTORIES)))
        .addMethod(
          getMetricsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.sightline.v1.MetricsRequest,
              dev.sightline.v1.MetricsResponse>(
                service, METHODID_METRICS)))
        .build();
  }

  private static abstract class SessionServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    SessionServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.sightline.v1.SessionServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("SessionService");
    }
  }

  private static final class SessionServiceFileDescriptorSupplier
      extends SessionServiceBaseDescriptorSupplier {
    SessionServiceFileDescriptorSupplier() {}
  }

  private static final class SessionServiceMethodDescriptorSupplier
      extends SessionServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    SessionServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (SessionServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new SessionServiceFileDescriptorSupplier())
              .addMethod(getCreateMethod())
              .addMethod(getGetMethod())
              .addMethod(getListMethod())
              .addMethod(getDiscoverMethod())
              .addMethod(getSendMethod())
              .addMethod(getInterruptMethod())
              .addMethod(getResizeMethod())
              .addMethod(getTerminateMethod())
              .addMethod(getReleaseMethod())
              .addMethod(getDeleteMethod())
              .addMethod(getSubscribeMethod())
              .addMethod(getListEventsMethod())
              .addMethod(getSnapshotMethod())
              .addMethod(getSearchMethod())
              .addMethod(getPublishMethod())
              .addMethod(getAnswerMethod())
              .addMethod(getWaitMethod())
              .addMethod(getExplainMethod())
              .addMethod(getUsageMethod())
              .addMethod(getCollectMethod())
              .addMethod(getWatchDirectoryMethod())
              .addMethod(getUnwatchDirectoryMethod())
              .addMethod(getListDirectoriesMethod())
              .addMethod(getMetricsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
