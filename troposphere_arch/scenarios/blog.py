"""MyBlog.com.

Reader ──HTTPS──▶ Edge ──/──────────▶ Site    (pages; through Edge only)
                   ├──/media/*──────▶ Media   (thumbnails; through Edge only)
                   └──/api/*, with OriginKey──▶ Api
Api ──GET──▶ ReadPosts ──reads──▶ (PostsCache ──▶) Posts
  ├──authors: POST, PUT, DELETE──▶ WritePosts ──edits──▶ Posts
  ├──POST comments──▶ WriteComments ──adds──▶ Posts
  ├──POST /subscriptions──▶ Subscribe ──keeps──▶ Subscribers
  └──authors: /uploads──▶ SignUploads ──presigned POST──▶ (Author) ──▶ Uploads
Subscribers ──stream──▶ SendMail ──Mail──▶ Mailbox;  what failed ──▶ MailFailures ──▶ RedriveMail, by hand
WatchMail ──counts, every 5 minutes──▶ Subscribers
Uploads ──event──▶ MakeThumbnails ──▶ Media;  what failed ──▶ ThumbnailFailures
WatchEdge ──reads, every 5 minutes──▶ CloudFront's metrics of Edge
Administrator ──invites──▶ Authors (of Users);  Author ──signs in──▶ App (of Users)
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import (
    apigateway,
    awslambda,
    budgets,
    cloudfront,
    cloudwatch,
    cognito,
    dax,
    dynamodb,
    ec2,
    s3,
    secretsmanager,
    ses,
    sqs,
)
from ..conditions import given
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Global blog: a static site and a REST API behind one CloudFront distribution, posts and comments in a DynamoDB "
    "global table, a welcome mail for subscribers, and thumbnails of the authors' pictures."
)

# Its pages: the sources below sites/.
SITE = "blog"

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "EdgeMetrics": "on",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "OldFileVersionDays": "90",
        "ReadCache": "dax",
        "ReadCacheNodeType": "dax.t3.medium",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}


def build() -> ScenarioTemplate:
    """The template of the blog."""
    t = scenario_template("blog", VERSION, DESCRIPTION, words=parameters.blog.WORDS)
    words = parameters.blog

    reader, author, administrator, mailbox = (
        actor(t, title) for title in ("Reader", "Author", "Administrator", "Mailbox")
    )
    edge = cloudfront.page_distribution(t, "Edge")
    key = secretsmanager.origin_key(t, "OriginKey")
    site = s3.site_bucket(t, "Site", holds="The pages are here, and the scripts and styles that they need.")
    media = s3.site_bucket(t, "Media", holds="The thumbnails are here, of each picture in several sizes.")
    uploads = s3.upload_bucket(
        t,
        "Uploads",
        holds="The authors' pictures are here as they came; nobody is served from it.",
        rejected="rejected/",
    )
    users = cognito.invited_users(t, "Users")
    authors = cognito.group(t, "Authors", users, name="authors", description="Who may write posts")
    app = cognito.app_client(t, "App", users, tells=("name", "preferred_username"))
    api = apigateway.origin_api(t, "Api", users=users, stage="api")
    posts = dynamodb.global_table(
        t, "Posts", partition="list", sort="id", replicas=words.REPLICAS, existing=words.POSTS_TABLE
    )
    owed = dynamodb.Index("Owed", partition="owed", sort="owedSince", include=("mail",))
    # No replicas: each region would have a stream of its own, and a mark that is made in one is seen in the other later
    # than the mail would be sent there once more.
    subscribers = dynamodb.global_table(t, "Subscribers", partition="address", expires="expires", index=owed)
    mail = ses.sender(t, "Mail")
    mail_failures = sqs.dead_letters(t, "MailFailures", when=mail.when)
    thumbnails = given(t, parameters.ARTIFACT_BUCKET)
    thumbnail_failures = sqs.dead_letters(t, "ThumbnailFailures", when=thumbnails)
    pillow = awslambda.layer(
        t,
        "MakeThumbnailsLibrary",
        "pillow",
        description="Pillow, which reads and writes pictures.",
        when=thumbnails,
    )
    read_posts = awslambda.function(
        t, "ReadPosts", code="blog/read_posts.py", Description="Lists and gets posts and comments.", Timeout=15
    )
    write_posts = awslambda.function(
        t,
        "WritePosts",
        code="blog/write_posts.py",
        Description="Creates, changes and deletes posts, and deletes comments.",
        Timeout=28,  # API Gateway waits for 29 seconds; deleting a post with many comments uses them
    )
    write_comments = awslambda.function(
        t, "WriteComments", code="blog/write_comments.py", Description="Takes comments of readers.", Timeout=15
    )
    subscribe = awslambda.function(
        t, "Subscribe", code="blog/subscribe.py", Description="Takes, confirms and ends subscriptions.", Timeout=15
    )
    sign_uploads = awslambda.function(
        t, "SignUploads", code="blog/sign_uploads.py", Description="Signs uploads of pictures.", Timeout=15
    )
    send_mail = awslambda.function(
        t,
        "SendMail",
        code="blog/send_mail.py",
        when=mail.when,
        Description="Sends each mail that a subscriber is owed, once.",
        Timeout=60,
    )
    watch_mail = awslambda.function(
        t,
        "WatchMail",
        code="blog/watch_mail.py",
        when=mail.when,
        Description="Counts mail that is owed for too long.",
        Timeout=60,
    )
    redrive_mail = awslambda.function(
        t,
        "RedriveMail",
        code="blog/redrive_mail.py",
        when=mail.when,
        Description="By hand: has mail that failed sent after all.",
        Timeout=300,
    )
    make_thumbnails = awslambda.function(
        t,
        "MakeThumbnails",
        code="blog/make_thumbnails.py",
        when=thumbnails,
        libraries=[pillow],
        memory=words.THUMBNAIL_MEMORY,
        Description="Makes thumbnails of a picture, or says why not.",
        Timeout=120,
    )
    watch_edge = awslambda.function(
        t,
        "WatchEdge",
        code="edge/watch_edge.py",
        Description="Brings CloudFront's metrics to the stack's region.",
        Timeout=60,
    )
    network = ec2.private_network(t, "Network")
    posts_cache = dax.read_cache(t, "PostsCache", network)

    arrows.visits(reader, edge)
    arrows.visits(author, edge)
    arrows.serves(edge, site)
    arrows.serves(edge, site, "/assets/*")
    arrows.serves(edge, media, "/media/*")
    arrows.passes_on(edge, api, "/api/*", key)
    arrows.may_call(edge, users)
    arrows.may_call(edge, uploads)

    arrows.invites(administrator, authors)
    arrows.signs_in(author, app)
    for function in (read_posts, write_posts, sign_uploads):
        arrows.accepts(function, app)

    lists = ("limit", "next")
    arrows.route(api, "GET /config", read_posts, by="anybody")
    arrows.route(api, "GET /posts", read_posts, by="anybody", query=lists)
    arrows.route(api, "GET /posts/{slug}", read_posts, by="anybody")
    arrows.route(api, "GET /posts/{slug}/comments", read_posts, by="anybody", query=lists)
    arrows.names_pool(read_posts, users)
    arrows.knows(
        read_posts,
        BLOG_TITLE=words.TITLE,
        COMMENTS=words.COMMENTS,
        EDGE_SECONDS=words.EDGE_SECONDS,
        MAIL=mail,
        UPLOADS=make_thumbnails,
    )
    arrows.reads(read_posts, posts, through=posts_cache)

    arrows.route(api, "POST /posts", write_posts, body="blog/new_post.schema.json")
    arrows.route(api, "PUT /posts/{slug}", write_posts, body="blog/changed_post.schema.json")
    arrows.route(api, "DELETE /posts/{slug}", write_posts)
    arrows.route(api, "DELETE /posts/{slug}/comments/{id}", write_posts)
    arrows.edits(write_posts, posts)

    arrows.route(api, "POST /posts/{slug}/comments", write_comments, by="anybody", body="blog/new_comment.schema.json")
    arrows.knows(write_comments, COMMENTS=words.COMMENTS)
    arrows.adds(write_comments, posts)

    arrows.route(api, "POST /subscriptions", subscribe, by="anybody", body="blog/new_subscription.schema.json")
    arrows.route(api, "POST /subscriptions/confirm", subscribe, by="anybody", body="blog/token.schema.json")
    # A mail program posts a form here, which no schema describes.
    arrows.route(api, "POST /subscriptions/leave", subscribe, by="anybody", query=("token",))
    arrows.knows(subscribe, MAIL=mail)
    arrows.keeps(subscribe, subscribers)
    arrows.streams(
        subscribers, send_mail, failures=mail_failures, values={"mail": ("confirm-wanted", "welcome-wanted")}
    )
    arrows.updates(send_mail, subscribers)
    arrows.knows(
        send_mail, BLOG_TITLE=words.TITLE, WELCOME_SUBJECT=words.WELCOME_SUBJECT, WELCOME_TEXT=words.WELCOME_TEXT
    )
    arrows.links_to(send_mail, edge)
    arrows.sends(send_mail, mail, mailbox)
    arrows.counts(watch_mail, subscribers)
    arrows.puts_metrics(watch_mail)
    arrows.runs_every(watch_mail, minutes=5)
    arrows.requeues(redrive_mail, subscribers)
    arrows.redrives(redrive_mail, mail_failures)

    arrows.route(api, "POST /uploads", sign_uploads, body="blog/new_upload.schema.json")
    arrows.route(api, "GET /uploads/{sha256}", sign_uploads)
    arrows.knows(sign_uploads, ACCELERATION=words.UPLOAD_ACCELERATION, UPLOADS=make_thumbnails)
    arrows.signs_uploads(sign_uploads, uploads, media)
    arrows.uploads_to(author, uploads)
    arrows.triggers(uploads, make_thumbnails, prefix="incoming/", failures=thumbnail_failures)
    arrows.makes_thumbnails(make_thumbnails, uploads, media)

    arrows.watches(watch_edge, edge)
    arrows.puts_metrics(watch_edge)
    arrows.runs_every(watch_edge, minutes=5)

    functions = [
        *(read_posts, write_posts, write_comments, subscribe, sign_uploads),
        *(send_mail, watch_mail, redrive_mail, make_thumbnails, watch_edge),
    ]
    tables = [posts, subscribers]
    cloudwatch.watch(t, edge, api, *functions, *tables, posts_cache, mail_failures, thumbnail_failures, mail)
    cloudwatch.dashboard(
        t, "Dashboard", api, functions, posts, posts_cache, mail=mail, more=cloudwatch.graphs_of_edge(edge)
    )
    budgets.monthly_budget(t, "Budget")
    return t
